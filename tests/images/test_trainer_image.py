"""The trainer's image, really built and really training: `make test-images` (needs podman and mmdebstrap, minutes)."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stack.images.build import build
from stack.images.engine import Engine
from stack.images.trainer import trainer, try_trainer
from tests.images.__main__ import BASE, Builder
from tests.system import history
from tests.system.stack_under_test import StackUnderTest

pytestmark = [pytest.mark.images, pytest.mark.timeout(1500), pytest.mark.xdist_group("images")]
TAG = "localhost/brightrun-trainer:test"


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """On a minimal Debian of this machine's release: no registry is asked."""
    if engine.output("image", "exists", BASE).returncode != 0:
        Builder(engine.program).build_base()
    build(engine, trainer(TAG, BASE, "cpu"))
    return TAG


def test_it_starts_without_rights_and_says_what_it_lacks(engine: Engine, image: str) -> None:
    without_order, libraries = try_trainer(engine, image)
    assert "78" in without_order
    assert "uid 1001" in libraries


def test_it_stops_within_two_seconds_of_a_sigterm(engine: Engine, image: str) -> None:
    """tini hands the signal on: a process that ignored it would be killed after ten seconds, with 137."""
    name = "brightrun-trainer-stop"
    engine.output("rm", "--force", name)
    waits = "import time, trainer_image; time.sleep(60)"
    assert engine.output("run", "--detach", "--name", name, "--entrypoint", "tini", image, "--", "python", "-c", waits
                         ).returncode == 0
    engine.output("stop", "--time", "10", name)
    code = engine.output("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()
    engine.output("rm", "--force", name)
    assert code == "143"


def test_a_job_of_the_local_stack_trains_in_containers_of_it(image: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="brightrun-image-"))
    stack = StackUnderTest(folder / ".data")
    command = [sys.executable, "-m", "stack.images.run_trainer", image, "--engine", "podman"]
    stack.environment["BRIGHTRUN_TRAINER_COMMAND"] = str(command).replace("'", '"')
    stack.up()
    try:
        job = stack.start_job(preset="balanced")
        seen = stack.wait_for(job.id, lambda found: found.status == "training")
        assert image in _running_images()
        done = stack.wait_for(seen.id, lambda found: found.status == "completed")
        history.check(stack, done.id)
        assert history.settle(stack, done.id).validation["perplexity_trained"] > 0
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)
    assert image not in _running_images()


def _running_images() -> str:
    return subprocess.run(["podman", "ps", "--format", "{{.Image}}"], check=True, capture_output=True, text=True).stdout
