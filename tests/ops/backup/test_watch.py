"""What `watch` tells about itself while its server is away."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from ops.backup.installation import Installation
from ops.backup.postgres import Postgres
from ops.backup.repository import open_repository
from ops.backup.settings import BackupSettings
from ops.backup.watch import Watch, watch_app
from stack.parts import free_port


@pytest.fixture
def told(tmp_path: Path) -> TestClient:
    """Of one that has looked once."""
    settings = BackupSettings(backup_to=str(tmp_path / "backups"), data_dir=tmp_path / "data")
    nobody = Installation(Postgres("127.0.0.1", free_port(), "postgres", "secret-of-a-test"), {}, tmp_path, ())
    registry = CollectorRegistry()
    watch = Watch(settings, nobody, open_repository(settings, create=True), registry)
    watch._look()
    return TestClient(watch_app(watch, registry, 1.0))


def test_it_is_ready_and_says_what_is_wrong(told: TestClient) -> None:
    """Taking it down would mend nothing."""
    answer = told.get("/health/ready")
    check = answer.json()["checks"]["backup"]
    assert (answer.status_code, check["status"]) == (200, "degraded")
    assert "PostgreSQL at 127.0.0.1" in check["detail"]
    assert "secret-of-a-test" not in answer.text


def test_failures_are_counted_by_task_from_the_start(told: TestClient) -> None:
    text = told.get("/metrics").text
    assert 'brightrun_backup_failures_total{task="ship"} 1.0' in text
    assert 'brightrun_backup_failures_total{task="base"} 0.0' in text
    assert "brightrun_backup_last_success_timestamp_seconds 0.0" in text, "nobody hears that none was ever made"
