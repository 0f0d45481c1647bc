"""The image of all services, really built: small, read-only, no root, and it stops when it is told to."""

import time

import pytest

from stack.images.build import build
from stack.images.engine import LOCKED, Engine
from stack.images.services import services, try_services
from tests.images.__main__ import PYTHON_BASE, Builder

pytestmark = [pytest.mark.images, pytest.mark.timeout(1500), pytest.mark.xdist_group("images")]
TAG = "localhost/brightrun:test"
_LARGEST_BYTES = 450e6


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    if engine.output("image", "exists", PYTHON_BASE).returncode != 0:
        Builder(engine.program).build_base(PYTHON_BASE, "python3", "python3-venv", "ca-certificates")
    build(engine, services(TAG, PYTHON_BASE))
    return TAG


def test_every_service_and_the_command_line_load(engine: Engine, image: str) -> None:
    loaded, _ = try_services(engine, image)
    assert "uid 10001" in loaded


def test_it_is_small_and_holds_no_compiler_and_no_tests(engine: Engine, image: str) -> None:
    assert int(engine.output("inspect", "--format", "{{.Size}}", image).stdout) < _LARGEST_BYTES
    found = engine.python(image, "import importlib.util as u, shutil\n"
                          "print([u.find_spec(n) for n in ('torch', 'tests', 'trainer_image')], shutil.which('gcc'))")
    assert found == "[None, None, None] None"


def test_its_labels_name_the_version(engine: Engine, image: str) -> None:
    labels = engine.output("inspect", "--format", "{{json .Config.Labels}}", image).stdout
    assert '"org.opencontainers.image.version":"0.1.0"' in labels


def test_a_service_serves_without_its_database_and_stops_by_sigterm(engine: Engine, image: str) -> None:
    """Killed after ten seconds it would end with 137."""
    name = "brightrun-services-stop"
    engine.output("rm", "--force", name)
    address = ("--env", "BRIGHTRUN_DATABASE_URL=postgresql+asyncpg://nobody:none@127.0.0.1:1/none")
    options = [word for word in LOCKED if word != "--rm"]
    assert engine.output(*options, "--detach", "--name", name, *address, image, "services.notifier").returncode == 0
    try:
        alive = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/health/live').status)"
        answer = ""
        for _ in range(60):
            if answer := engine.output("exec", name, "python", "-c", alive).stdout.strip():
                break
            time.sleep(0.5)
        assert answer == "200"
        engine.output("stop", "--time", "10", name)
        assert engine.output("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"
    finally:
        engine.output("rm", "--force", name)
