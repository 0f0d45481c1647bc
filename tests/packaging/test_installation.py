"""compose.yaml on podman: from nothing to a trained adapter over HTTPS, and an upgrade that keeps all of it.

The images are those of `make images` and stand-ins of the servers (tests/images/standin). Run by `make test-images`.
"""

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.images.engine import Engine
from stack.nats_permissions import SERVICES
from stack.parts import free_port
from tests.images.podman import TAGS, build_product
from tests.images.standin.__main__ import NAMES, provide
from tests.packaging.composition import ROOT, document, runs_once
from tests.packaging.installation import LEFT_OUT, Installation

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600), pytest.mark.xdist_group("images")]
JOBS = [name for name, service in document()["services"].items() if runs_once(service)]


@pytest.fixture(scope="module")
def images(engine: Engine) -> Engine:
    build_product(engine, *TAGS)
    provide(engine, list(NAMES))
    return engine


@pytest.fixture(scope="module")
def installed(images: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    tools = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    subprocess.run([str(tools / "bin" / "pip"), "install", "--quiet", "--require-hashes", "--requirement",
                    str(ROOT / "requirements" / "k8s-check" / "podman-compose.lock")], check=True)
    folder = tmp_path_factory.mktemp("installation")
    installation = Installation.prepare(folder, f"brightruntest{free_port()}", tools / "bin" / "podman-compose",
                                        TAGS["services"], free_port())
    try:
        installation.up()
        yield installation
    finally:
        installation.down("--volumes", "--timeout", "20")


@pytest.fixture(scope="module")
def ready(installed: Installation) -> Installation:
    installed.wait_until_all_are_ready()
    return installed


def test_everything_starts_and_every_job_ends_well(ready: Installation) -> None:
    assert {name: ready.exit_code(name) for name in JOBS} == dict.fromkeys(JOBS, "0")
    states = json.loads(ready.engine("podman", "ps", "--all", "--format", "json"))
    running = {state["Names"][0] for state in states if state["State"] == "running"}
    wanted = {ready.container(name) for name in document()["services"] if name not in (*JOBS, *LEFT_OUT)}
    assert wanted - running == set()


def test_only_the_proxy_is_reached(ready: Installation) -> None:
    states = json.loads(ready.engine("podman", "ps", "--format", "json"))
    published = {state["Names"][0]: state["Ports"] for state in states
                 if state["Names"][0].startswith(ready.project) and state["Ports"]}
    assert set(published) == {ready.container("proxy")}


def test_the_api_answers_by_https_and_keeps_its_details(ready: Installation) -> None:
    assert ready.get("/health/ready")[0] == 200
    assert ready.get("/metrics")[0] == 404
    assert ready.get("/api/training/jobs")[0] == 401
    assert json.loads(ready.brightrun("jobs", "list", "--json"))["data"] == []


def test_the_web_page_asks_to_sign_in(ready: Installation) -> None:
    status, page = ready.get("/")
    assert (status, "Sign in" in page) == (401, True)


def test_a_signed_url_of_an_object_goes_through_the_proxy(ready: Installation) -> None:
    status, said = ready.get("/model-artifacts/not-there")
    assert (status, "AccessDenied" in said) == (403, True)


def test_a_job_trains_and_its_adapter_is_downloaded_and_an_upgrade_keeps_it(ready: Installation) -> None:
    ready.brightrun("train", str(ROOT / "examples" / "sample.json"), "--preset", "conservative", "--watch", "--yes",
                    "--name", "First")
    [job] = json.loads(ready.brightrun("jobs", "list", "--json"))["data"]
    assert job["status"] == "completed"
    before = (ready.folder / "secrets" / "first" / "credentials.json").read_text()
    ready.down("--timeout", "20")
    ready.up()
    ready.wait_until_all_are_ready()
    assert (ready.folder / "secrets" / "first" / "credentials.json").read_text() == before
    [same] = json.loads(ready.brightrun("jobs", "list", "--json"))["data"]
    assert (same["id"], same["status"]) == (job["id"], "completed")
    path = Path(json.loads(ready.brightrun("download", job["id"], "--out", str(ready.folder), "--json"))["path"])
    assert any(name.endswith("adapter_model.safetensors") for name in zipfile.ZipFile(path).namelist())


def test_prometheus_sees_every_service(ready: Installation) -> None:
    ask = ("import json, urllib.request as r; t = json.load(r.urlopen('http://prometheus:9090/api/v1/targets'));"
           "print(json.dumps([(t['labels'].get('service', ''), t['health']) for t in t['data']['activeTargets']]))")
    deadline = time.monotonic() + 120
    while True:
        found = dict(json.loads(ready.engine("podman", "exec", ready.container("notifier"), "python", "-c", ask)))
        if all(found.get(name) == "up" for name in SERVICES):
            return
        assert time.monotonic() < deadline, found
        time.sleep(2)
