"""compose.yaml without an engine: it says what it must, and each rule notices when it does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.secrets.consumers import Addresses, folders
from ops.secrets.material import Material
from stack.nats_permissions import SERVICES
from tests.packaging import rules
from tests.packaging.composition import ROOT, Document, document, secrets_folder, text, variables

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    material = Material.ensure(tmp_path_factory.mktemp("secrets") / "s")
    return {folder.name: folder.files for folder in folders(material, Addresses())}


@pytest.fixture(scope="module")
def made(written: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    return {name: set(files) for name, files in written.items()}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule: rules.Rule) -> None:
    assert list(rule(document())) == []


def test_every_secret_that_is_named_is_made_and_given_to_somebody(made: dict[str, set[str]]) -> None:
    assert list(rules.secrets_are_made(document(), made)) == []
    given = {secrets_folder(service) for service in document()["services"].values()}
    assert set(made) - given == {"first"}  # made by the job of that name, beside what it is given itself


def test_servers_speak_tls_alone(written: dict[str, dict[str, str]]) -> None:
    assert list(rules.servers_speak_tls_alone(document(), written)) == []


def test_every_address_among_the_secrets_is_verified(written: dict[str, dict[str, str]]) -> None:
    addresses = [text for files in written.values() for name, text in files.items() if name.endswith("_url")]
    assert len(addresses) == 2 * len(SERVICES) + len(SERVICES) + 3
    authority = "/run/secrets/brightrun/ca.crt"
    assert [text for text in addresses if not text.endswith(
        (f"?sslmode=verify-full&sslrootcert={authority}", f"/0?ssl_ca_certs={authority}"))] == []
    assert {text.partition(":")[0] for text in addresses} == {"postgresql+asyncpg", "postgresql", "rediss"}


def test_a_server_that_would_speak_plain_text_is_noticed(written: dict[str, dict[str, str]]) -> None:
    changed, files = document(), {name: dict(each) for name, each in written.items()}
    changed["services"]["postgres"]["command"] = ["-c", "max_connections=300"]
    files["valkey"]["valkey.conf"] = "port 6379\n"
    del files["nats"]["tls.key"]
    assert list(rules.servers_speak_tls_alone(changed, files)) == [
        "postgres is not told ssl=on", "postgres is not told ssl_cert_file=", "postgres is not told ssl_key_file=",
        "valkey is not told port 0", "valkey is not told tls-port 6379", "valkey is not told tls-cert-file",
        "valkey is not told tls-key-file", "nats has no tls.key"]


def test_each_service_is_there_once() -> None:
    commands = [service["command"][0] for service in document()["services"].values() if service.get("command")]
    assert sorted(found for found in commands if found.removeprefix("services.") in SERVICES) == sorted(
        f"services.{name}" for name in SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_among_a_services_secrets_is_one_that_it_reads(name: str, made: dict[str, set[str]]) -> None:
    service = document()["services"][name.replace("_", "-")]
    settings = rules.settings_of(service)
    assert settings is not None
    read = {variable.lower() for variable in rules.fields_of(settings)}
    named = {file for file in made[name] if file.startswith("brightrun_")}
    assert named <= read
    assert {"brightrun_database_url"} <= named


def test_the_proxy_leads_to_services_of_its_own_network() -> None:
    services = document()["services"]
    behind = rules.proxied(ROOT / "ops" / "proxy" / "Caddyfile")
    assert behind == {"dashboard", "job-api", "nats", "s3", "grafana"}
    assert {name for name, service in services.items() if "edge" in service["networks"]} == behind | {"proxy"}


def test_only_public_ports_are_behind_the_proxy() -> None:
    """9000 tells operators everything; the proxy knows 8000 alone."""
    caddyfile = (ROOT / "ops" / "proxy" / "Caddyfile").read_text()
    assert "job-api:8000" in caddyfile
    assert "dashboard:8000" in caddyfile
    assert "9000" not in caddyfile.replace("(port 9000)", "")


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "operations" / "one-server.md").read_text()
    assert {name for name in variables(text()) if f"`{name}`" not in page} == set()


def _service(name: str, **values: Any) -> Change:
    return lambda found: found["services"][name].update(values)


BROKEN: list[tuple[rules.Rule, Change, str]] = [
    (rules.only_the_proxy_listens_outside, _service("postgres", ports=["5432:5432"]), "postgres publishes"),
    (rules.networks_are_closed, lambda d: d["networks"]["inside"].pop("internal"), "inside leads outside"),
    (rules.networks_are_closed, _service("postgres", networks=["inside", "outside"]), "postgres reaches the outside"),
    (rules.networks_are_closed, _service("proxy", networks=["edge", "inside"]), "proxy reaches databases"),
    (rules.everything_has_limits, lambda d: d["services"]["notifier"].pop("healthcheck"), "has no healthcheck"),
    (rules.everything_has_limits, lambda d: d["services"]["nats"].pop("mem_limit"), "nats has no mem_limit"),
    (rules.everything_has_limits, _service("s3", logging={}), "s3 logs without an end"),
    (rules.everything_is_hardened, _service("grafana", read_only=False), "grafana can write"),
    (rules.everything_is_hardened, _service("proxy", cap_drop=[]), "proxy keeps rights"),
    (rules.everything_is_hardened, _service("valkey", security_opt=[]), "valkey can gain rights"),
    (rules.everything_is_hardened, _service("backup", volumes=["/run/docker.sock:/s"]), "backup is the host"),
    (rules.images_are_pinned, _service("proxy", image="docker.io/library/caddy:latest"), "names no version"),
    (rules.images_are_pinned, _service("proxy", image="docker.io/library/caddy"), "names no version"),
    (rules.variables_are_read, _service("validator", environment={"BRIGHTRUN_S3_ENDPIONT": "x"}), "nothing there"),
    (rules.variables_are_read, _service("notifier", environment={"BRIGHTRUN_MAX_STREAMS": "5"}), "nothing there"),
    (rules.no_secret_is_written_down, _service("job-api", environment={"BRIGHTRUN_S3_SECRET_KEY": "x"}), "is given"),
    (rules.everybody_verifies, lambda d: d["services"]["notifier"]["environment"].pop("BRIGHTRUN_TLS_REQUIRED"),
     "notifier would take"),
    (rules.everybody_verifies, _service("migrations", environment={}), "migrations would take"),
    (rules.everybody_verifies, _service("validator", environment={"BRIGHTRUN_NATS_URL": "nats://nats:4222"}),
     "without TLS"),
    (rules.everybody_verifies, lambda d: d["services"]["topology"]["environment"].pop("BRIGHTRUN_NATS_TLS_CA"),
     "topology does not know whom to believe"),
    (rules.everybody_verifies, lambda d: d["services"]["topology"]["environment"].update(
        BRIGHTRUN_WATCH_CERTIFICATES="nats://nats:4222"), "nobody watches the certificate of postgres"),
    (rules.services_come_after_the_jobs, lambda d: d["services"]["job-api"].update(depends_on={}), "does not wait"),
    (rules.services_come_after_the_jobs, _service("proxy", depends_on={"x": {}}), "which is not there"),
    (rules.services_come_after_the_jobs,
     _service("proxy", depends_on={"migrations": {"condition": "service_started"}}), "in the wrong way"),
    (rules.what_is_mounted_exists, _service("proxy", volumes=["./ops/nothing:/x"]), "which is not there"),
    (rules.what_is_mounted_exists, _service("proxy", volumes=["nothing:/x"]), "which is not declared"),
]


@pytest.mark.parametrize(("rule", "change", "said"), BROKEN)
def test_the_rule_notices(rule: rules.Rule, change: Change, said: str) -> None:
    changed: Document = document()
    change(changed)
    assert any(said in line for line in rule(changed))


def test_a_secret_that_nobody_makes_is_noticed(made: dict[str, set[str]]) -> None:
    changed = document()
    changed["services"]["notifier"]["volumes"] = ["./secrets/mailer:/run/secrets/brightrun:ro"]
    changed["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] = "/run/secrets/brightrun/pasword"
    assert sorted(rules.secrets_are_made(changed, made)) == [
        "grafana reads pasword, which is not in secrets/grafana",
        "notifier is given secrets/mailer, which nobody makes",
        "notifier reads ca.crt, which is not in secrets/mailer",
        "notifier reads nats.creds, which is not in secrets/mailer"]


def test_documents_are_what_the_file_says() -> None:
    assert Path("compose.yaml").name in {path.name for path in ROOT.iterdir()}
    assert document()["services"]["proxy"]["ports"][1] == "443:443"
