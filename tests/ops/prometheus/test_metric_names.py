"""What every service tells Prometheus follows its conventions, and is there before anything happened."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ops.metric_names import SERVICES, told
from tests.ops.programs import program, run


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
