"""What can be seen in the sources of k8s/ without rendering them."""

import re
from pathlib import Path

from stack.layout import ROOT
from stack.nats_permissions import SERVICES
from tests.k8s.rules.told import names_of_one_shot_jobs, names_read, settings_of

FOLDER = ROOT / "k8s"
_VARIABLE = re.compile(r"\bBRIGHTRUN_[A-Z0-9_]+\b")


def sources() -> list[Path]:
    return [path for path in FOLDER.rglob("*") if path.suffix in (".yaml", ".env")]


def unread(text: str) -> set[str]:
    of_services = names_read([each for service in (*SERVICES, "dashboard")
                              for each in settings_of(service)])
    return set(_VARIABLE.findall(text)) - of_services - names_of_one_shot_jobs()


def test_each_variable_is_one_that_some_service_reads() -> None:
    assert unread("\n".join(path.read_text() for path in sources())) == set()


def test_a_variable_that_was_renamed_is_found() -> None:
    assert unread("- {name: BRIGHTRUN_POOL_SIZE, value: 1}\nBRIGHTRUN_DRAIN_S=5") == {"BRIGHTRUN_POOL_SIZE"}


def test_each_service_has_its_file() -> None:
    found = {path.stem for path in (FOLDER / "base" / "services").glob("*.yaml")} - {"kustomization"}
    assert found == {service.replace("_", "-") for service in SERVICES}


def test_no_secret_is_kept_in_a_manifest() -> None:
    assert [path.name for path in sources() if re.search(r"^kind: Secret$|stringData:", path.read_text(), re.M)] == []
