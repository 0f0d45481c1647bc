"""No address of production does without TLS, and no server of it offers anything else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ops.secrets.consumers import Addresses
from tests.k8s.rendered import Document, named, of_kind, pod, render
from tests.k8s.rules import plain_text as rules
from tests.k8s.rules import told

pytestmark = pytest.mark.slow
Rule = Callable[[list[Document]], list[str]]
RULES: tuple[Rule, ...] = (rules.plain_addresses, rules.lenient, rules.unbelieving, rules.uncertified)


@pytest.mark.parametrize("overlay", ["production", "gpu-nodes"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_production_keeps_it(rule: Rule, overlay: str) -> None:
    assert rule(render(overlay)) == []


def test_servers_inside_one_namespace_keep_it_too(dev: list[Document]) -> None:
    assert rules.plain_addresses(dev) == []
    assert rules.lenient(dev) == []


def test_secrets_hold_no_plain_address(made: dict[str, dict[str, str]], tmp_path: Path) -> None:
    assert rules.plain_secrets(made) == []
    production = told.made_secrets(tmp_path, Addresses("postgres-rw:5432", authority=rules.AUTHORITY))
    assert rules.plain_secrets(production) == []
    assert rules.AUTHORITY in production["brightrun-job-api"]["brightrun_redis_url"]
    production["brightrun-notifier"]["brightrun_database_url"] = "postgresql+asyncpg://a:b@c/d"
    assert rules.plain_secrets(production) == ["brightrun-notifier: brightrun_database_url is an address without TLS"]


def _settings(documents: list[Document]) -> dict[str, str]:
    [found] = [document for document in of_kind(documents, "ConfigMap")
               if document["metadata"]["name"].startswith("settings")]
    return found["data"]  # type: ignore[no-any-return]


def _plain_machines(documents: list[Document]) -> None:
    container = pod(named(documents, "Deployment", "provisioner"))["containers"][0]
    entry = next(e for e in container["env"] if e["name"] == "BRIGHTRUN_POD_NATS_URL")
    entry["value"] = "ws://api.example.com/nats"


def _own_settings(documents: list[Document]) -> None:
    pod(named(documents, "Deployment", "validator"))["containers"][0]["env"].append(
        {"name": "BRIGHTRUN_TLS_REQUIRED", "value": "false"})


def _whole_authority(documents: list[Document]) -> None:
    volume = next(v for v in pod(named(documents, "Deployment", "notifier"))["volumes"] if v["name"] == "authority")
    del volume["secret"]["items"]


def _blind_start(documents: list[Document]) -> None:
    [schema] = pod(named(documents, "Deployment", "notifier"))["initContainers"]
    schema["volumeMounts"] = [mount for mount in schema["volumeMounts"] if mount["name"] != "authority"]


def _operators_certificate(documents: list[Document]) -> None:
    del named(documents, "Cluster", "postgres")["spec"]["certificates"]


def _open_door(documents: list[Document]) -> None:
    named(documents, "Cluster", "postgres")["spec"]["postgresql"]["pg_hba"].insert(0, "host all all all trust")


def _made_elsewhere(documents: list[Document]) -> None:
    pod(named(documents, "Deployment", "valkey"))["containers"][0]["args"] = ["valkey-server"]


def _misnamed(documents: list[Document]) -> None:
    named(documents, "Certificate", "nats-server")["spec"]["dnsNames"].remove("nats-1.nats-headless")


@pytest.mark.parametrize(("rule", "spoil", "told"), [
    (rules.plain_addresses, _plain_machines,
     "Deployment/provisioner: BRIGHTRUN_POD_NATS_URL is an address without TLS"),
    (rules.lenient, _own_settings, "Deployment/validator: service does not refuse plain text"),
    (rules.unbelieving, _whole_authority, "Deployment/notifier: does not mount the authority's certificate alone"),
    (rules.unbelieving, _blind_start, "Deployment/notifier: schema does not find the authority"),
    (rules.uncertified, _operators_certificate, "postgres shows another certificate than it is believed by"),
    (rules.uncertified, _open_door, "postgres lets in without TLS: host all all all trust"),
    (rules.uncertified, _made_elsewhere, "valkey does not show the certificate that is renewed"),
    (rules.uncertified, _misnamed, "nats-server is not for nats-1.nats-headless"),
])
def test_a_breach_is_found(
    rule: Rule, spoil: Callable[[list[Document]], None], told: str, production: list[Document]
) -> None:
    spoil(production)
    assert rule(production) == [told]


def test_a_plain_setting_of_all_is_found_everywhere(production: list[Document]) -> None:
    _settings(production)["BRIGHTRUN_NATS_URL"] = "nats://nats:4222"
    found = rules.plain_addresses(production)
    assert len(found) > 15
    assert {text.partition(": ")[2] for text in found} == {"BRIGHTRUN_NATS_URL is an address without TLS"}
