"""Dashboards are what their code says, complete, and ask for metrics that exist."""

import json
from pathlib import Path

import pytest

from ops.dashboards.__main__ import FOLDER, stale, text_of, write
from ops.dashboards.boards import DASHBOARDS
from ops.dashboards.model import Dashboard, Panel
from tests.ops.metric_names import FOREIGN, all_names, asked_in
from tests.ops.rules import RUNBOOKS, alerts, rules

PANELS = [panel for board in DASHBOARDS for panel in board.panels]
UNITS = {"s", "short", "percentunit", "bytes", "ops", "reqps", "currencyUSD"}


def each_panel() -> list:
    return [pytest.param(panel, id=panel.title) for panel in PANELS]


def test_the_committed_files_are_fresh() -> None:
    assert stale() == []


def test_a_stale_and_a_left_over_file_are_noticed_and_mended(tmp_path: Path) -> None:
    write(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "rest.json").write_text("{}")
    (tmp_path / "of-a-board-that-is-gone.json").write_text("{}")
    assert stale(tmp_path) == ["of-a-board-that-is-gone.json", "rest.json"]
    write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.name)
def test_grafana_can_place_it(board: Dashboard) -> None:
    document = json.loads(text_of(board))
    assert document["uid"] == f"brightrun-{board.name}"
    assert "id" not in document
    assert {variable["name"] for variable in document["templating"]["list"]} == {"datasource", "runbooks"}
    numbers = [panel["id"] for panel in document["panels"]]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_uids_and_titles_are_their_own() -> None:
    assert len({board.uid for board in DASHBOARDS}) == len(DASHBOARDS)
    for board in DASHBOARDS:
        titles = [panel.title for panel in board.panels]
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize("panel", each_panel())
def test_every_panel_says_what_it_shows(panel: Panel) -> None:
    assert panel.unit in UNITS
    assert panel.description.endswith(".") or panel.description.endswith(":")
    assert 0 < len(panel.queries) <= 4
    assert not panel.runbook or (RUNBOOKS / f"{panel.runbook}.md").exists()


@pytest.mark.parametrize("panel", each_panel())
def test_every_source_is_the_one_that_was_chosen(panel: Panel) -> None:
    document = panel.to_json(1, 0, 0)
    assert {target["datasource"]["uid"] for target in document["targets"]} == {"${datasource}"}


async def test_panels_and_rules_ask_for_metrics_that_exist(tmp_path: Path) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = all_names(tmp_path) | recorded | FOREIGN
    queries = [query.expr for panel in PANELS for query in panel.queries] + [rule["expr"] for rule in rules()]
    assert {name: query for query in queries for name in asked_in(query) - known} == {}


def test_a_misspelt_metric_is_noticed() -> None:
    assert asked_in('sum by (service_name) (rate(brightrun_no_such_total{le="a_b"}[5m])) / up') == {
        "brightrun_no_such_total", "up"}


def test_what_alerts_watch_is_on_a_dashboard() -> None:
    shown = {name for panel in PANELS for query in panel.queries for name in asked_in(query.expr)}
    unseen = {alert.name for alert in alerts() if not asked_in(alert.expr) & (shown | FOREIGN)}
    assert unseen == set()
