"""Prometheus and Alertmanager beside the stack: where they are installed, with the rules of the repository."""

import json
import os
from pathlib import Path

import pytest

from stack import dashboard, monitoring
from stack.layout import Layout
from stack.parts import AlertmanagerPart, PrometheusPart
from stack.programs import ALL, usual_programs
from stack.scrape_targets import write_targets
from stack.state import ProgramState, StackState
from tests.ops.programs import program, run


@pytest.fixture(autouse=True)
def _without_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is among the programs where npm has fetched its files."""
    monkeypatch.setattr(dashboard, "is_installed", lambda: False)


@pytest.fixture
def with_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("BRIGHTRUN_PROVIDER", raising=False)
    monkeypatch.delenv("BRIGHTRUN_MONITORING", raising=False)
    return folder


def install(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_nothing_is_watched_unless_it_is_wanted(with_programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prometheus", "prometheus-alertmanager"):
        install(with_programs, name)
    assert usual_programs() == ALL
    assert monitoring.advice() == ""
    monkeypatch.setenv("BRIGHTRUN_MONITORING", "0")
    assert usual_programs() == ALL
    monkeypatch.setenv("BRIGHTRUN_MONITORING", "1")
    assert usual_programs() == (*ALL, "prometheus", "alertmanager")
    assert monitoring.advice() == ""


def test_where_it_is_not_installed_the_stack_comes_up_and_says_how(with_programs: Path, monkeypatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_MONITORING", "1")
    install(with_programs, "prometheus")
    assert usual_programs() == (*ALL, "prometheus")
    assert "alertmanager" in monitoring.advice()
    assert "apt-get install prometheus prometheus-alertmanager" in monitoring.advice()


def state_of(layout: Layout, *programs: ProgramState) -> StackState:
    return StackState("http://127.0.0.1:1", "127.0.0.1", {}, {}, "", programs, data_dir=str(layout.data))


def test_targets_are_all_that_have_metrics(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_targets(layout, state_of(
        layout, ProgramState("postgres", "server", "127.0.0.1", 5, ""),
        ProgramState("topology", "service", "127.0.0.1", 6, ""),
        ProgramState("job_api-1", "service", "::", 80, "", "http://127.0.0.1:7/health/ready"),
        ProgramState("job_api-2", "service", "::", 80, "", "http://127.0.0.1:8/health/ready"),
        ProgramState("alertmanager", "server", "127.0.0.1", 9, "")))
    found = json.loads((tmp_path / "prometheus/targets/brightrun.json").read_text())
    assert [(one["labels"]["service"], one["targets"]) for one in found] == [
        ("topology", ["127.0.0.1:6"]), ("job_api", ["127.0.0.1:7"]), ("job_api", ["127.0.0.1:8"])]
    assert json.loads((tmp_path / "prometheus/targets/alertmanager/alertmanager.json").read_text()) == [
        {"targets": ["127.0.0.1:9"]}]


def test_prometheus_takes_what_is_written_for_it(tmp_path: Path) -> None:
    promtool, layout = program("promtool"), Layout(tmp_path)
    PrometheusPart(tmp_path / "prometheus", 9).prepare()
    write_targets(layout, state_of(layout))
    done = run(promtool, "check", "config", tmp_path / "prometheus" / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rule files found" in done.stdout


@pytest.mark.parametrize("url", ["", "https://hooks.slack.com/services/T/B/secret"])
def test_alertmanager_takes_what_is_written_for_it(url: str, tmp_path: Path, monkeypatch) -> None:
    amtool = program("amtool")
    monkeypatch.setenv("BRIGHTRUN_ALERTS_SLACK_URL", url)
    AlertmanagerPart(tmp_path / "alertmanager", 9).prepare()
    file = tmp_path / "alertmanager" / "alertmanager.yml"
    done = run(amtool, "check-config", file)
    assert done.returncode == 0, done.stdout + done.stderr
    routed = run(amtool, "config", "routes", "test", "--config.file", file, "severity=page")
    assert routed.stdout.strip() == ("slack" if url else "nobody")
    assert "hooks.slack.com" not in file.read_text()
    if url:
        secret = file.parent / "slack_url"
        assert (secret.read_text(), oct(os.stat(secret).st_mode)[-3:]) == (url, "600")
