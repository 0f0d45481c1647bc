from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from brightrun.credentials import Credentials
from brightrun.errors import ApiError, Unreachable
from brightrun.http import Http
from stack.parts import free_port
from tests.brightrun.conftest import Answer, problem


def test_a_post_is_repeated_with_the_same_key(faulty_api) -> None:
    faulty_api.answers = [problem(503, "unavailable"), problem(502, "bad_gateway"), Answer(body=b'{"id": 1}')]
    assert Http(faulty_api.credentials).json("POST", "/jobs", json={"a": 1}) == {"id": 1}
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in faulty_api.seen}
    assert (len(faulty_api.seen), len(keys)) == (3, 1)
    Http(faulty_api.credentials).json("POST", "/jobs", json={"a": 1})
    assert faulty_api.seen[-1][2]["Idempotency-Key"] not in keys


def test_a_get_carries_no_key(faulty_api) -> None:
    faulty_api.answers = [Answer()]
    Http(faulty_api.credentials).json("GET", "/jobs")
    assert "Idempotency-Key" not in faulty_api.seen[0][2]
    assert faulty_api.seen[0][2]["Authorization"] == "Bearer br_test"


def test_without_a_key_nobody_is_named(faulty_api) -> None:
    faulty_api.answers = [Answer()]
    Http(Credentials(faulty_api.credentials.url, "", "test")).json("POST", "/invitations/preview")
    assert "Authorization" not in faulty_api.seen[0][2]


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        (problem(409, "invalid_transition"), 1),
        (problem(404, "job_not_found"), 1),
        (problem(500, "internal"), 3),
    ],
)
def test_only_passing_failures_are_repeated(faulty_api, answer, tries) -> None:
    faulty_api.answers = [answer]
    with pytest.raises(ApiError) as caught:
        Http(faulty_api.credentials, tries=3).json("POST", "/x")
    assert len(faulty_api.seen) == tries
    assert caught.value.fix == "Do it otherwise."


def test_the_servers_word_on_retrying_counts(faulty_api) -> None:
    retry = problem(409, "request_in_progress")
    retry.headers["x-should-retry"] = "true"
    faulty_api.answers = [retry, Answer(body=b'{"ok": 1}')]
    assert Http(faulty_api.credentials).json("POST", "/x") == {"ok": 1}


def test_a_file_is_sent_whole_again(faulty_api, tmp_path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"x" * 5000)
    faulty_api.answers = [problem(503, "unavailable"), Answer()]
    with path.open("rb") as file:
        Http(faulty_api.credentials).json(
            "POST", "/files", files={"file": ("data.json", file)}, rewind=lambda: file.seek(0)
        )
    assert [body.count(b"x" * 5000) for _, _, _, body in faulty_api.seen] == [1, 1]


def test_no_answer_says_what_to_do() -> None:
    http = Http(Credentials(f"http://127.0.0.1:{free_port()}", "br_test"), tries=2)
    with pytest.raises(Unreachable, match="does not answer") as caught:
        http.json("GET", "/x")
    assert "make up" in caught.value.fix


def test_an_answer_that_is_no_problem_document_is_still_an_error(faulty_api) -> None:
    faulty_api.answers = [Answer(404, b"<html>not here</html>")]
    with pytest.raises(ApiError) as caught:
        Http(faulty_api.credentials).json("GET", "/x")
    assert caught.value.code == "unexpected_answer"
    assert "BRIGHTRUN_URL" in caught.value.fix


def test_the_key_stays_out_of_representations(faulty_api) -> None:
    assert "br_test" not in repr(faulty_api.credentials)


@pytest.mark.parametrize(("wish", "waits"), [("7", 7.0), ("0", 0.0), ("soon", 0.0)])
def test_the_server_says_how_long_to_wait(faulty_api, monkeypatch, wish, waits) -> None:
    slept: list[float] = []
    monkeypatch.setattr("brightrun.http.time.sleep", slept.append)
    limited = problem(429, "rate_limited")
    limited.headers |= {"Retry-After": wish, "x-should-retry": "true"}
    faulty_api.answers = [limited, Answer()]
    assert Http(faulty_api.credentials).json("GET", "/x") == {}
    assert len(slept) == 1
    assert slept[0] == waits or (waits == 0 and 0 < slept[0] < 1)


def test_a_long_wait_is_an_error_that_says_so(faulty_api, monkeypatch) -> None:
    monkeypatch.setattr("brightrun.http.time.sleep", lambda _: pytest.fail("waited"))
    limited = problem(429, "rate_limited", "Too many reads.")
    limited.headers |= {"Retry-After": "600", "x-should-retry": "true"}
    faulty_api.answers = [limited]
    with pytest.raises(ApiError, match="Too many reads"):
        Http(faulty_api.credentials).json("GET", "/x")
    assert len(faulty_api.seen) == 1


def test_a_date_to_come_back_at_is_understood(faulty_api, monkeypatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("brightrun.http.time.sleep", slept.append)
    limited = problem(503, "busy")
    limited.headers |= {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)}
    faulty_api.answers = [limited, Answer()]
    Http(faulty_api.credentials).json("GET", "/x")
    assert 25 < slept[0] <= 30
