"""Every alert can fire and be silent, says how bad it is and what to do, and has its runbook."""

import re
from pathlib import Path

import pytest
import yaml

from tests.ops.programs import program, run
from tests.ops.rules import PROMETHEUS, ROOT, RUNBOOKS, Alert, alerts, rules

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
LONG = {"slo_test.yml", "backup_test.yml"}  # three days in steps of minutes


def cases() -> list:
    return [pytest.param(file, id=file.name, marks=[pytest.mark.slow] * (file.name in LONG)) for file in TESTS]


def every_alert() -> list:
    return [pytest.param(alert, id=alert.name) for alert in alerts()]


@pytest.mark.parametrize("file", cases())
def test_alerts_fire_when_they_should_and_only_then(file: Path) -> None:
    done = run(program("promtool"), "test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_one_that_prometheus_takes() -> None:
    done = run(program("promtool"), "check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def tried() -> list[tuple[str, bool]]:
    """(alert, whether it fires) of every unit test."""
    found = []
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["promql_expr_test"]:
                [name] = re.findall(r'alertname="(\w+)"', case["expr"])
                found.append((name, bool(case["exp_samples"])))
    return found


@pytest.mark.parametrize("alert", every_alert())
def test_each_alert_is_tried_both_ways(alert: Alert) -> None:
    assert {(alert.name, True), (alert.name, False)} <= set(tried())


def test_no_test_is_about_an_alert_that_is_gone() -> None:
    assert {name for name, _ in tried()} == {alert.name for alert in alerts()}


@pytest.mark.parametrize("alert", every_alert())
def test_each_alert_says_how_bad_it_is_and_what_it_is(alert: Alert) -> None:
    assert alert.labels["severity"] in ("page", "ticket")
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert alert.annotations["description"].endswith(".")


@pytest.mark.parametrize("alert", every_alert())
def test_each_alert_has_its_runbook(alert: Alert) -> None:
    page = ROOT / alert.annotations["runbook_url"]
    assert page == RUNBOOKS / f"{alert.name}.md"
    text = page.read_text()
    assert text.startswith(f"# {alert.name}\n")
    assert "## How to look" in text
    assert "## What to do" in text
    assert re.search(r"^```(sh|promql)$", text, re.MULTILINE)


def test_no_runbook_is_about_an_alert_that_is_gone() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == {alert.name for alert in alerts()}
    index = (RUNBOOKS / "README.md").read_text()
    assert [alert.name for alert in alerts() if f"({alert.name}.md)" not in index] == []


@pytest.mark.parametrize("alert", every_alert())
def test_texts_use_labels_that_the_query_leaves(alert: Alert) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))
    kept = {label.strip() for group in re.findall(r"by \(([^)]*)\)", alert.expr) for label in group.split(",")}
    assert used <= kept | ({"instance", "service"} if alert.expr.startswith("up{") else set())


def test_queries_of_runbooks_can_be_asked(tmp_path: Path) -> None:
    queries = [query.strip() for page in sorted(RUNBOOKS.glob("*.md"))
               for query in re.findall(r"```promql\n(.*?)```", page.read_text(), re.DOTALL)]
    assert len(queries) > 30
    file = tmp_path / "rules.yml"
    instant = [re.sub(r"\}\[\w+\]$", "}", query) for query in queries]  # a rule cannot be a range
    asked = [{"record": f"runbook:{number}", "expr": query} for number, query in enumerate(instant)]
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": asked}]}))
    done = run(program("promtool"), "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_recorded_names_say_level_metric_and_operation() -> None:
    recorded = [rule["record"] for rule in rules() if "record" in rule]
    assert recorded
    assert [name for name in recorded if name.count(":") != 2] == []
