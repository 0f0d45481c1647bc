"""The table of docs/operations/retention.md says what the settings say, and nothing removes what stays for ever."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from chassis.messaging.stream_settings import StreamSettings
from chassis.settings import ServiceSettings
from ops.backup.settings import BackupSettings
from services.job_api.settings import Settings as JobApi
from services.metrics_ingest.settings import Settings as MetricsIngest
from services.notifier.settings import Settings as Notifier
from services.provisioner.settings import Settings as Provisioner

ROOT = Path(__file__).parents[2]
OWNERS: dict[str, type[BaseModel]] = {
    "job_api": JobApi, "metrics_ingest": MetricsIngest, "provisioner": Provisioner, "notifier": Notifier,
    "every service": ServiceSettings, "topology": StreamSettings, "backup": BackupSettings}
KEPT_FOR_EVER = ("model_artifacts", "artifact_files", "artifact_downloads", "billing_intervals", "gpu_rates",
                 "audit_entries", "evaluations")
_WAYS_TO_REMOVE = (r"(?i)\b(?:DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?|DROP\s+TABLE(?:\s+IF\s+EXISTS)?)\s+{table}\b"
                   r"|\bdelete\(\s*(?:\w+\.)?{table}\b")


def rows() -> list[tuple[str, str, str, str]]:
    text = (ROOT / "docs" / "operations" / "retention.md").read_text()
    found = re.findall(r"^\| (.+?) \| (.+?) \| `?(.+?)`? \| (.+?) \|$", text, re.MULTILINE)
    return [row for row in found if row[2].startswith("BRIGHTRUN_")]


@pytest.mark.parametrize(("what", "kept", "setting", "owner"), rows(), ids=lambda value: str(value)[:30])
def test_the_table_says_what_the_settings_say(what: str, kept: str, setting: str, owner: str) -> None:
    field = OWNERS[owner].model_fields[setting.removeprefix("BRIGHTRUN_").lower()]
    [default] = [int(number) for number in re.findall(r"\d+", kept)] or [0]
    assert float(field.default) == default


def test_every_setting_about_time_that_things_are_kept_is_in_the_table() -> None:
    told = {(setting, owner) for _, _, setting, owner in rows()}
    for owner, settings in OWNERS.items():
        for name in settings.model_fields:
            is_common = owner not in ("every service", "backup") and name in ServiceSettings.model_fields
            if "retention" in name and not is_common and owner != "backup":
                assert (f"BRIGHTRUN_{name.upper()}", owner) in told, name


def removals(text: str) -> list[str]:
    return [table for table in KEPT_FOR_EVER if re.search(_WAYS_TO_REMOVE.format(table=table), text)]


def test_nothing_removes_what_stays_for_ever() -> None:
    sources = [path for folder in ("services", "chassis") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 300
    assert {path.name: found for path in sources if (found := removals(path.read_text()))} == {}


@pytest.mark.parametrize("statement", [
    "DELETE FROM billing_intervals WHERE true", "delete(model_artifacts)", "delete(tables.evaluations).where(x)",
    "TRUNCATE audit_entries", "drop table if exists gpu_rates"])
def test_a_removal_would_be_found(statement: str) -> None:
    assert len(removals(statement)) == 1


def test_each_table_that_stays_exists() -> None:
    migrations = "".join(path.read_text() for path in (ROOT / "services").rglob("versions/*.py"))
    found = re.findall(r"CREATE TABLE (\w+)|create_table\(\s*\"(\w+)\"", migrations)
    assert set(KEPT_FOR_EVER) <= {name for names in found for name in names}
