"""What every service tells Prometheus follows its conventions, and is there before anything happened."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chassis.observability.metrics import exposition
from tests.ops.programs import program, run

SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")


def runtime_of(service: str, data: Path) -> Any:
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        database_url="postgresql+asyncpg://nobody:none@127.0.0.1:1/none", redis_url="redis://127.0.0.1:1/0",
        s3_endpoint="http://127.0.0.1:1", s3_access_key="x" * 16, data_dir=data)
    app = importlib.import_module(f"services.{service}.app")
    made = app.create_app(settings) if service == "job_api" else app.build_app(settings)
    return made.state.runtime


def told(service: str, data: Path) -> str:
    return exposition(runtime_of(service, data).registry)[0].decode()


@pytest.mark.parametrize("service", SERVICES)
async def test_prometheus_finds_nothing_wrong_with_the_names(service: str, tmp_path: Path) -> None:
    checked = run(program("promtool"), "check", "metrics", text=told(service, tmp_path))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_the_check_can_fail() -> None:
    wrong = "# TYPE brightrun_wait_ms counter\nbrightrun_wait_ms 1\n"
    assert run(program("promtool"), "check", "metrics", text=wrong).returncode != 0


@pytest.mark.parametrize("service", SERVICES)
async def test_no_series_is_called_created(service: str, tmp_path: Path) -> None:
    assert "_created" not in told(service, tmp_path)


# Nothing can be known of these before there was one: their labels are data.
_BY_DATA = {
    "http_requests", "http_request_duration_seconds",  # routes that were asked
    "brightrun_health_check_ok",  # checks that have run
    "brightrun_certificate_expiry_timestamp_seconds",
    "provisioner_machines", "provisioner_pods",  # read from the database within a second
    "provisioner_leaked_usd",  # the reaper's first look makes it
    "brightrun_background_failures", "brightrun_batch_duration_seconds",
}


@pytest.mark.parametrize("service", SERVICES)
async def test_series_exist_before_the_first_event(service: str, tmp_path: Path) -> None:
    """Otherwise panels are empty, and `rate()` does not see the first step."""
    families = text_string_to_metric_families(told(service, tmp_path))
    empty = {family.name for family in families if not family.samples and not family.name.startswith("faststream_")}
    assert empty <= _BY_DATA
