"""checkov over every overlay and every Dockerfile, hadolint over the Dockerfiles: nothing but what is explained."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stack.layout import ROOT
from tests.k8s import tools
from tests.k8s.rendered import OVERLAYS, text_of

# The first run fetches the programs.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DOCKERFILES = ("Dockerfile", "trainer_image/Dockerfile")
EXCEPTIONS = tomllib.loads((Path(__file__).parent / "exceptions.toml").read_text())
Finding = tuple[str, str]


def checkov(framework: str, *files: Path) -> set[Finding]:
    """Check and resource of what failed. Nothing is asked of the network."""
    words = [word for path in files for word in ("--file", path)]
    done = tools.run(tools.checkov(), *words, "--framework", framework, "--skip-download", "--output", "json",
                     "--quiet", "--compact")
    reports: Any = json.loads(done.stdout)
    reports = reports if isinstance(reports, list) else [reports]
    assert all(report["summary"]["passed"] > 0 and not report["summary"]["parsing_errors"] for report in reports)
    failed = [found for report in reports for found in report["results"]["failed_checks"]]
    return {(found["check_id"], found["resource"]) for found in failed}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    folder, found = tmp_path_factory.mktemp("rendered"), set()
    for overlay in OVERLAYS:
        (path := folder / f"{overlay}.yaml").write_text(text_of(overlay))
        found |= checkov("kubernetes", path)
    return found | checkov("dockerfile", *(ROOT / name for name in DOCKERFILES))


def explains(exception: dict[str, str], finding: Finding) -> bool:
    return exception["check"] == finding[0] and re.fullmatch(exception["resources"], finding[1]) is not None


def test_everything_found_is_explained(findings: set[Finding]) -> None:
    exceptions = EXCEPTIONS["checkov"]
    assert all(len(exception["reason"]) > 40 for exception in exceptions)
    assert [finding for finding in sorted(findings) if not any(explains(each, finding) for each in exceptions)] == []


def test_every_exception_is_needed(findings: set[Finding]) -> None:
    unused = [each["check"] for each in EXCEPTIONS["checkov"] if not any(explains(each, found) for found in findings)]
    assert unused == []


def test_a_careless_pod_is_found(tmp_path: Path) -> None:
    (path := tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: brightrun}\n"
        "spec: {containers: [{name: x, image: x, securityContext: {privileged: true}}]}\n")
    assert ("CKV_K8S_16", "Pod.brightrun.x") in checkov("kubernetes", path)


def hadolint(path: Path) -> set[str]:
    done = tools.run(tools.hadolint(), "--format", "json", path)
    return {found["code"] for found in json.loads(done.stdout)}


def test_what_is_found_in_dockerfiles_is_explained() -> None:
    findings = {(code, name) for name in DOCKERFILES for code in hadolint(ROOT / name)}
    exceptions = EXCEPTIONS["hadolint"]
    assert [finding for finding in sorted(findings) if not any(explains(each, finding) for each in exceptions)] == []
    assert [each["check"] for each in exceptions if not any(explains(each, found) for found in findings)] == []


def test_a_careless_dockerfile_is_found(tmp_path: Path) -> None:
    (path := tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && sudo true\n")
    assert hadolint(path) >= {"DL3007", "DL3004"}


def test_what_may_not_be_tracked_is_ignored() -> None:
    """The programs lie inside the checkout, and never in a commit."""
    assert subprocess.run(["git", "check-ignore", "-q", ".tools/x"], cwd=ROOT, check=False).returncode == 0
