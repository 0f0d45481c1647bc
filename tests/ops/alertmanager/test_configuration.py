"""Alertmanager takes its configuration, tells Slack of both ends, and leaves out what follows from something else."""

import yaml

from tests.ops.programs import program, run
from tests.ops.rules import ROOT, alerts

FILE = ROOT / "ops" / "alertmanager" / "alertmanager.yml"
CONFIG = yaml.safe_load(FILE.read_text())


def test_alertmanager_takes_it() -> None:
    done = run(program("amtool"), "check-config", FILE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_slack_is_told_by_a_secret_file_and_of_the_end_too() -> None:
    [slack] = next(one for one in CONFIG["receivers"] if one["name"] == "slack")["slack_configs"]
    assert slack["send_resolved"] is True
    assert CONFIG["global"]["slack_api_url_file"].startswith("/run/secrets/")
    assert "hooks.slack.com" not in FILE.read_text()
    assert CONFIG["route"]["group_by"] == ["alertname"]


def test_pages_come_sooner_and_more_often() -> None:
    done = run(program("amtool"), "config", "routes", "test", "--config.file", FILE, "severity=page", "alertname=X")
    assert done.stdout.strip() == "slack"
    [page] = CONFIG["route"]["routes"]
    assert (page["group_wait"], page["repeat_interval"]) == ("10s", "1h")


def test_rules_of_inhibition_name_alerts_that_exist() -> None:
    names = {alert.name for alert in alerts()}
    for rule in CONFIG["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, value = matcher.replace("=~", "=").split("=", 1)
            if label == "alertname":
                parts = value.strip('"').split("|")
                assert [part for part in parts if part.rstrip(".*") not in names and not part.endswith(".*")] == []


def test_the_messages_name_what_and_where(tmp_path) -> None:
    template = (FILE.parent / "templates" / "brightrun.tmpl").read_text()
    assert all(word in template for word in ("summary", "description", "runbook_url", "brightrun.repository"))
