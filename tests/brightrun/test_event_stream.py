import json

import pytest

from brightrun.client import Client
from brightrun.errors import ApiError, Unreachable
from brightrun.event_stream import follow, parse
from tests.brightrun.conftest import Answer, problem


def message(name: str, data: dict, event_id: int | None = None) -> str:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"


def test_messages_are_read_and_comments_skipped() -> None:
    text = "retry: 3000\n\n: heartbeat\n\n" + message("job", {"a": 1}) + message("checkpoint.saved", {"b": 2}, 7)
    assert list(parse(iter(text.split("\n")))) == [("", "job", {"a": 1}), ("7", "checkpoint.saved", {"b": 2})]


def test_a_message_cut_off_is_not_given() -> None:
    assert list(parse(iter(["event: job", 'data: {"a": 1}']))) == []


def test_a_lost_connection_is_made_again_where_it_was(faulty_api, monkeypatch) -> None:
    monkeypatch.setattr("brightrun.event_stream.time.sleep", lambda seconds: None)
    first = Answer(body=(message("a", {"n": 1}, 1) + message("b", {"n": 2}, 2)).encode())
    second = Answer(body=(message("c", {"n": 3}, 3) + message("end", {"status": "completed"})).encode())
    faulty_api.answers = [first, Answer(502), second]
    with Client(faulty_api.credentials) as client:
        names = [name for name, _ in follow(client, "j")]
    assert names == ["a", "b", "c", "end"]
    assert [headers.get("Last-Event-ID") for _, _, headers, _ in faulty_api.seen] == [None, "2", "2"]


def test_nothing_more_to_see_is_the_end(faulty_api) -> None:
    faulty_api.answers = [Answer(204, b"")]
    with Client(faulty_api.credentials) as client:
        assert [name for name, _ in follow(client, "j")] == ["end"]


def test_a_job_that_does_not_exist_ends_at_once(faulty_api) -> None:
    faulty_api.answers = [problem(404, "job_not_found")]
    with Client(faulty_api.credentials) as client, pytest.raises(ApiError):
        list(follow(client, "j"))


def test_patience_ends_with_the_way_back(faulty_api, monkeypatch) -> None:
    monkeypatch.setattr("brightrun.event_stream.time.sleep", lambda seconds: None)
    faulty_api.answers = [Answer(503)]
    with Client(faulty_api.credentials) as client, pytest.raises(Unreachable) as caught:
        list(follow(client, "job-1", patience_s=0.05))
    assert "brightrun jobs watch job-1" in caught.value.fix


def test_a_stream_whose_key_was_revoked_ends_with_the_reason(faulty_api, monkeypatch) -> None:
    monkeypatch.setattr("brightrun.event_stream.time.sleep", lambda seconds: None)
    told = message("problem", {"code": "invalid_credentials", "status": 401})
    faulty_api.answers = [Answer(body=told.encode()), problem(401, "invalid_credentials")]
    with Client(faulty_api.credentials) as client, pytest.raises(ApiError) as caught:
        list(follow(client, "j"))
    assert caught.value.problem.code == "invalid_credentials"
