"""The overlay `dev`, really started by `podman play kube`: real servers, a trained job, its adapter downloaded."""

import fcntl
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from stack.images.engine import Engine
from stack.layout import ROOT
from stack.nats_permissions import SERVICES
from tests.images.podman import TAGS, build_product
from tests.images.standin.__main__ import provide
from tests.k8s.play import STAND_INS, playable, volumes
from tests.k8s.rendered import Document, of_kind, render

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600), pytest.mark.xdist_group("images")]
IMAGES = {"brightrun": TAGS["services"], "brightrun-page": TAGS["page"], "brightrun-local": TAGS["local"]}
_NETWORK = "brightrun-play"
_BUSY = Path(tempfile.gettempdir()) / f"{_NETWORK}.busy"
_ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:{}/health/ready', timeout=4).status)"


@dataclass(frozen=True)
class Played:
    """What podman made of the file. Pods are `<service>-0` and `dashboard`, their containers `<pod>-service`.

    Pods are addresses: there is one such installation on a machine at a time, and what a killed test left goes first.
    """

    file: Path

    def up(self) -> None:
        self.down()
        podman("network", "create", _NETWORK)
        podman("play", "kube", "--network", _NETWORK, str(self.file))

    def down(self) -> None:
        """Volumes outlive `kube down`, also those that podman makes of ConfigMaps: the secrets lie in them."""
        for pod in of_kind(self._documents, "Pod"):
            subprocess.run(["podman", "pod", "rm", "--force", "--time", "20", pod["metadata"]["name"]], check=False,
                           capture_output=True)
        for name in volumes(self._documents):
            subprocess.run(["podman", "volume", "rm", "--force", name], check=False, capture_output=True)
        subprocess.run(["podman", "network", "rm", "--force", _NETWORK], check=False, capture_output=True)

    @property
    def _documents(self) -> list[Document]:
        return list(yaml.safe_load_all(self.file.read_text()))

    def run(self, pod: str, *command: str, stdin: str | None = None) -> str:
        return podman("exec", "--interactive", f"{pod}-service", *command, stdin=stdin)

    def wait_until_ready(self, pod: str, port: int = 8000, patience_s: float = 240) -> None:
        deadline, said = time.monotonic() + patience_s, ""
        while said != "200":
            assert time.monotonic() < deadline, f"{pod} is not ready:\n{self.log(f'{pod}-service')}"
            done = subprocess.run(["podman", "exec", f"{pod}-service", "python", "-c", _ASK.format(port)], check=False,
                                  capture_output=True, text=True)
            said = done.stdout.strip()
            time.sleep(0 if said == "200" else 0.5)

    def log(self, container: str) -> str:
        done = subprocess.run(["podman", "logs", "--tail", "40", container], check=False, capture_output=True,
                              text=True)
        return (done.stdout + done.stderr)[-3000:]


def podman(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(["podman", *arguments], check=False, capture_output=True, text=True, input=stdin)
    assert done.returncode == 0, f"podman {' '.join(arguments[:4])}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def images(engine: Engine) -> None:
    build_product(engine, "services", "page", "local")
    provide(engine, list(STAND_INS.values()))


@pytest.fixture(scope="module")
def played(images: None, made: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    file = tmp_path_factory.mktemp("play") / "dev.yaml"
    file.write_text(yaml.safe_dump_all(playable(render("dev"), made, IMAGES), sort_keys=False))
    running = Played(file)
    with _BUSY.open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        try:
            running.up()
            yield running
        finally:
            running.down()


def test_every_job_ends_well_and_every_service_gets_ready(played: Played) -> None:
    for service in SERVICES:
        played.wait_until_ready(f"{service.replace('_', '-')}-0")
    played.wait_until_ready("dashboard", port=8001)
    for document in of_kind(render("dev"), "Job"):
        [container] = document["spec"]["template"]["spec"]["containers"]
        name = f"job-{document['metadata']['name']}-{container['name']}"
        assert podman("wait", name).strip() == "0", played.log(name)


def test_a_pod_is_what_the_manifest_makes_it(played: Played) -> None:
    """Not root, nothing to write but /tmp, no capability."""
    look = ("import os, pathlib; print(os.getuid(), os.access('/app', os.W_OK), os.access('/tmp', os.W_OK), "
            "[l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'NoNewPrivs'))])")
    assert played.run("validator-0", "python", "-c", look).strip() == "10001 False True ['0000000000000000', '1']"


def test_a_job_is_trained_and_its_adapter_is_downloaded(played: Played) -> None:
    url = "http://127.0.0.1:8000"
    played.run("job-api-0", "python", "-m", "services.job_api.bootstrap", "--out", "/tmp/key.json", "--url", url)
    key = json.loads(played.run("job-api-0", "cat", "/tmp/key.json"))["api_key"]
    played.run("job-api-0", "sh", "-c", "cat > /tmp/sample.json", stdin=(ROOT / "examples" / "sample.json").read_text())
    # The signed address of the download is the object store's own, with a certificate of the installation's authority.
    brightrun = ("env", f"BRIGHTRUN_URL={url}", f"BRIGHTRUN_API_KEY={key}",
                 "SSL_CERT_FILE=/run/secrets/brightrun/ca.crt", "python", "-m", "brightrun")
    played.run("job-api-0", *brightrun, "train", "/tmp/sample.json", "--preset", "conservative", "--watch", "--yes")
    [job] = json.loads(played.run("job-api-0", *brightrun, "jobs", "list", "--json"))["data"]
    assert job["status"] == "completed"
    path = json.loads(played.run("job-api-0", *brightrun, "download", job["id"], "--out", "/tmp", "--json"))["path"]
    names = f"import zipfile; print(zipfile.ZipFile({path!r}).namelist())"
    assert "adapter_model.safetensors" in played.run("job-api-0", "python", "-c", names)
