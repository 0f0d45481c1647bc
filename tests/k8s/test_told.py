"""Variables that somebody reads, secrets that somebody makes, and services that start by what they are told."""

from pathlib import Path

import pytest

from stack.nats_permissions import SERVICES
from tests.k8s.rendered import Document, named, of_kind, pod, services
from tests.k8s.rules import connections, told
from tests.k8s.rules.network import used_by_code

pytestmark = pytest.mark.slow
Made = dict[str, dict[str, str]]


def test_all_services_are_there(documents: list[Document]) -> None:
    assert set(services(documents)) == set(SERVICES)


def test_each_variable_is_one_that_is_read(documents: list[Document]) -> None:
    assert told.unread_variables(documents) == []


def test_a_misspelt_variable_is_found(dev: list[Document]) -> None:
    pod(named(dev, "Deployment", "validator"))["containers"][0]["env"].append(
        {"name": "BRIGHTRUN_DATABSE_URL", "value": "x"})
    assert told.unread_variables(dev) == ["Deployment/validator: nobody reads BRIGHTRUN_DATABSE_URL"]


def test_a_variable_of_another_service_is_found(dev: list[Document]) -> None:
    pod(named(dev, "Deployment", "validator"))["containers"][0]["env"].append(
        {"name": "BRIGHTRUN_PROVIDER", "value": "local"})
    assert told.unread_variables(dev) == ["Deployment/validator: nobody reads BRIGHTRUN_PROVIDER"]


def test_each_secret_is_one_that_is_made(documents: list[Document], made: Made) -> None:
    assert told.unmade_secrets(documents, made) == []


def test_a_secret_that_nobody_makes_is_found(dev: list[Document], made: Made) -> None:
    provisioner = pod(named(dev, "Deployment", "provisioner"))
    entry = next(e for e in provisioner["containers"][0]["env"] if e["name"].endswith("SYSTEM_CREDS_FILE"))
    entry["value"] = "/run/secrets/brightrun/sytem.creds"
    validator = pod(named(dev, "Deployment", "validator"))
    next(v for v in validator["volumes"] if v["name"] == "secrets")["secret"]["secretName"] = "validator"
    assert told.unmade_secrets(dev, made) == [
        "Deployment/provisioner: no secret of it has sytem.creds", "Deployment/validator: nobody makes validator",
        "Deployment/validator: no secret of it has ca.crt", "Deployment/validator: no secret of it has nats.creds"]


def test_production_fetches_each_secret_that_it_mounts(production: list[Document]) -> None:
    fetched = {d["spec"]["target"]["name"] for d in of_kind(production, "ExternalSecret")}
    mounted = {volume["secret"]["secretName"] for d in of_kind(production, "Deployment", "Job")
               for volume in pod(d)["volumes"] if "secret" in volume}
    passwords = {d["spec"]["passwordSecret"]["name"] for d in of_kind(production, "DatabaseRole")}
    assert mounted | passwords <= fetched | told.certificate_secrets(production)


def test_what_production_fetches_is_in_an_entry_that_is_made(production: list[Document], made: Made) -> None:
    """But for the bucket of the backups, whose keys the installation brings along."""
    secrets = of_kind(production, "ExternalSecret")
    entries = {source["extract"]["key"] for d in secrets for source in d["spec"].get("dataFrom", [])}
    assert entries - set(made) == {"backup-storage"}
    fetched = [entry["remoteRef"] for d in secrets for entry in d["spec"].get("data", [])]
    assert len(fetched) >= len(SERVICES)
    assert [ref for ref in fetched if ref["property"] not in made[ref["key"]]] == []


@pytest.mark.parametrize("service", SERVICES)
def test_it_starts_by_what_it_is_told(service: str, documents: list[Document], made: Made, tmp_path: Path) -> None:
    with told.told(service, documents, made, tmp_path):
        runtime = told.composed(service).state.runtime
    assert told.unsaid(runtime.settings, used_by_code(service)) == []
    assert runtime.settings.drain_s > 0


def test_what_is_not_said_is_found(dev: list[Document], made: Made, tmp_path: Path) -> None:
    lacking = {**made, "brightrun-job-api": {
        "brightrun_database_url": "postgresql+asyncpg://a:b@c/d?sslmode=verify-full",
        "ca.crt": made["brightrun-job-api"]["ca.crt"]}}
    with told.told("job_api", dev, lacking, tmp_path):
        runtime = told.composed("job_api").state.runtime
    assert told.unsaid(runtime.settings, used_by_code("job_api")) == [
        "job_api is not told s3_access_key", "job_api is not told s3_secret_key", "job_api is not told redis_url",
        "job_api has no credentials"]


def test_the_largest_scale_stays_below_what_the_database_takes(
    production: list[Document], made: Made, tmp_path: Path
) -> None:
    most = {}
    for service in SERVICES:
        (folder := tmp_path / service).mkdir()
        with told.told(service, production, made, folder):
            most[service] = connections.most_of_a_process(told.composed(service).state.runtime.database)
    assert connections.wanted(production, most) <= connections.offered(production), most
    named(production, "HorizontalPodAutoscaler", "job-api")["spec"]["maxReplicas"] = 40
    assert connections.wanted(production, most) > connections.offered(production)
