"""What is decided about a cluster without asking it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.provisioner.adapters.kubernetes.configuration import Configuration
from services.provisioner.adapters.kubernetes.documents import Job, Pod
from services.provisioner.adapters.kubernetes.sightings import Phase, sighting
from services.provisioner.app import provider_of
from services.provisioner.settings import Settings

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
GPUS = {"h100_pcie_80gb": {"on_demand": {"usd_per_hour": 2.5}}}


@pytest.fixture
def needed(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "token").write_text("the-token")
    return {"provider": "kubernetes", "kubernetes_image": "an/image@sha256:1", "kubernetes_gpus": GPUS,
            "kubernetes_server": "http://127.0.0.1:8001/", "kubernetes_token_file": tmp_path / "token"}


def test_the_settings_choose_the_provider_and_its_patience(needed: dict[str, Any]) -> None:
    settings = Settings(**needed)
    assert provider_of(settings).name == "kubernetes"
    assert (settings.list_lag_s, settings.provisioning_timeout_s, settings.poll_s) == (2.0, 1200.0, 10.0)
    assert settings.lease_s > settings.call_timeout_s > settings.kubernetes_timeout_s
    assert Configuration.of(settings).url == "http://127.0.0.1:8001"


@pytest.mark.parametrize(("changes", "words"), [
    ({"kubernetes_image": ""}, "BRIGHTRUN_KUBERNETES_IMAGE is empty"),
    ({"kubernetes_gpus": {}}, "BRIGHTRUN_KUBERNETES_GPUS is empty"),
    ({"kubernetes_gpus": {"h100_pcie_80gb": {"usd": 1}}}, "usd"),
    ({"kubernetes_gpus": {"h100_pcie_80gb": {"memory": "64 GB"}}}, "memory"),
    ({"kubernetes_server": ""}, "BRIGHTRUN_KUBERNETES_SERVER"),
    ({"kubernetes_server": "http://10.0.0.1:6443"}, "use https"),
    ({"kubernetes_server": "https://10.0.0.1:6443"}, "BRIGHTRUN_KUBERNETES_CA_FILE cannot be read"),
    ({"kubernetes_token_file": Path("/nowhere")}, "BRIGHTRUN_KUBERNETES_TOKEN_FILE cannot be read"),
    ({"kubernetes_environment": {"HF_TOKEN": "hf_123"}}, "HF_TOKEN looks like a secret"),
    ({"kubernetes_namespace": "Not A Name"}, "kubernetes_namespace"),
])
def test_a_setting_that_cannot_work_is_refused_at_the_start(
    needed: dict[str, Any], changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ValidationError, match=words) as refused:
        Settings(**{**needed, **changes})
    assert "hf_123" not in str(refused.value)


@pytest.mark.parametrize(("host", "url"), [
    ("10.96.0.1", "https://10.96.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")])
def test_in_a_cluster_its_own_api_server_is_asked(
    needed: dict[str, Any], host: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    ca = Path(__import__("certifi").where())
    settings = Settings(**{**needed, "kubernetes_server": "", "kubernetes_ca_file": ca})
    assert settings.kubernetes_url() == url
    assert Configuration.of(settings).ca_file == ca
    assert provider_of(settings).name == "kubernetes"


def pod(phase: str = "Pending", **status: Any) -> Pod:
    return Pod.model_validate({"metadata": {"name": "p", "uid": "u", "creationTimestamp": NOW},
                               "status": {"phase": phase, **status}})


def job(*conditions: dict[str, Any]) -> Job:
    return Job.model_validate({"metadata": {"name": "j", "uid": "u", "creationTimestamp": NOW},
                               "status": {"conditions": list(conditions)}})


@pytest.mark.parametrize(("document", "phase", "words"), [
    (pod(), Phase.UNPLACED, ""),
    (pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]), Phase.UNPLACED, "0/3"),
    (pod(startTime=NOW), Phase.STARTING, ""),
    (pod("Unknown", startTime=NOW, reason="NodeLost"), Phase.STARTING, ""),
    (pod("Failed", reason="Evicted", message="low on memory"), Phase.EXITED, "low on memory"),
    (pod("Failed", reason="NodeShutdown", message="going down"), Phase.EXITED, "going down"),
    (pod("Failed", reason="DeadlineExceeded", message="too long"), Phase.EXITED, "its time was over"),
    (pod("Failed", reason="UnexpectedAdmissionError", message="no GPU"), Phase.EXITED, "no GPU"),
    (pod("Succeeded"), Phase.EXITED, "succeeded"),
    (pod("a new phase", startTime=NOW), Phase.STARTING, ""),
])
def test_what_a_pod_says_of_itself(document: Pod, phase: Phase, words: str) -> None:
    seen = sighting(job(), document, NOW, 60)
    assert seen.phase is phase
    assert words in seen.words


@pytest.mark.parametrize(("document", "phase", "code"), [
    (job(), Phase.UNPLACED, None),
    (job({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}), Phase.EXITED, None),
    (job({"type": "Complete", "status": "True"}), Phase.EXITED, 0),
    (job({"type": "Failed", "status": "False"}), Phase.UNPLACED, None),
])
def test_what_a_job_without_a_pod_says(document: Job, phase: Phase, code: int | None) -> None:
    seen = sighting(document, None, NOW, 60)
    assert (seen.phase, seen.exit_code) == (phase, code)
