"""`brightrun logs`, over answers as the API gives them."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from brightrun.cli import app
from tests.brightrun.conftest import Answer, FaultyApi, problem


def page(first: int, last: int, *, more: bool = False, attempt: int | None = 1, attempts: tuple[int, ...] = (1,),
         source: str = "store") -> Answer:
    lines = [{"line": n, "time": None, "level": "info", "text": f"a{attempt} line {n}"} for n in range(first, last + 1)]
    return Answer(body=json.dumps({
        "object": "training_job.log", "job_id": "j", "attempt": attempt, "source": source, "lines": lines,
        "next_after": last, "next_before": first, "more_after": more, "more_before": first > 1, "text": "",
        "attempts": [{"attempt": n, "first_line": 1, "last_line": 9} for n in attempts], "end": not more,
        "next_offset": 0, "details": {}}).encode())


def job(status: str) -> Answer:
    return Answer(body=json.dumps({"id": "j", "name": "n", "status": status, "progress_percentage": 50.0}).encode())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightrun.commands.logs._LOOK_EVERY_S", 0.0)


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def asked(api: FaultyApi) -> list[str]:
    return [path.partition("/logs")[2] for _, path, _, _ in api.seen if "/logs" in path]


def test_all_lines_page_by_page(as_user, faulty_api) -> None:
    faulty_api.answers = [page(1, 2, more=True), page(3, 4)]
    assert run("logs", "j") == [f"a1 line {n}" for n in range(1, 5)]
    assert asked(faulty_api) == ["?after=0&limit=1000", "?attempt=1&after=2&limit=1000"]


def test_the_end_of_an_attempt_with_a_text(as_user, faulty_api) -> None:
    faulty_api.answers = [page(8, 9)]
    assert run("jobs", "logs", "j", "--tail", "2", "--attempt", "1", "--search", "out of memory", "--level", "error")
    assert asked(faulty_api) == ["?attempt=1&tail=2&search=out+of+memory&level=error"]


def test_json_is_one_value(as_user, faulty_api) -> None:
    faulty_api.answers = [page(1, 2, more=True), page(3, 4)]
    [line] = run("logs", "j", "--json")
    found = json.loads(line)
    assert ([item["line"] for item in found["lines"]], found["attempt"]) == ([1, 2, 3, 4], 1)


def test_following_goes_from_the_machine_to_the_store_and_from_attempt_to_attempt(as_user, faulty_api) -> None:
    pulled = page(1, 3, source="machine", attempts=())
    faulty_api.answers = [
        pulled, job("provisioning"), page(4, 3), page(1, 2), job("training"), page(3, 3, attempts=(1, 2)),
        page(1, 1, attempt=2, attempts=(1, 2)), job("completed"), page(2, 2, attempt=2, attempts=(1, 2)),
        job("completed"), page(3, 2, attempt=2, attempts=(1, 2))]
    faulty_api.answers += [job("completed"), page(3, 2, attempt=2, attempts=(1, 2))] * 2
    printed = run("logs", "j", "--follow")
    assert printed == ["a1 line 1", "a1 line 2", "a1 line 3", "a1 line 1", "a1 line 2", "a1 line 3", "-- attempt 2 --",
                       "a2 line 1", "a2 line 2"]
    assert asked(faulty_api)[1:3] == ["?attempt=1&after=3&limit=1000", "?attempt=1&after=0&limit=1000"]


def test_nothing_of_a_line_steers_the_terminal(as_user, faulty_api) -> None:
    answer = page(1, 1)
    faulty_api.answers = [Answer(body=answer.body.replace(b"a1 line 1", b"\\u001b[2Jgone [red]"))]
    assert run("logs", "j") == ["[2Jgone [red]"]


def test_a_job_that_is_not_there(as_user, faulty_api) -> None:
    faulty_api.answers = [problem(404, "job_not_found")]
    assert CliRunner().invoke(app, ["logs", "j"]).exit_code != 0
