"""What lay in the streams of versions before is still understood, word by word."""

from typing import Any

import pytest

from contracts.registry import parse_event
from contracts.streams import DEAD_LETTER_STREAM, stream_of
from tests.upgrade.archive import MESSAGES, STATES, read_messages
from tests.upgrade.differences import lost

VERSIONS = sorted(path.name.removesuffix(".jsonl.xz") for path in MESSAGES.iterdir())


def events(version: str) -> list[dict[str, Any]]:
    return [message for message in read_messages(version) if message["stream"] != DEAD_LETTER_STREAM
            and message["data"].startswith("{")]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_event_is_read_with_all_that_it_says(version: str) -> None:
    found = events(version)
    assert len(found) > 50
    for message in found:
        event = parse_event(message["data"].encode())
        assert lost(message["data"], event.to_bytes()) == [], message["subject"]
        assert event.subject == message["subject"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_still_takes_each_subject(version: str) -> None:
    assert [message["subject"] for message in read_messages(version) if stream_of(message["subject"]) is None] == []


def test_each_state_has_its_messages() -> None:
    states = {path.name.removesuffix(".tar.xz") for path in STATES.iterdir()}
    assert states | {"0.1.0"} <= set(VERSIONS)


@pytest.mark.parametrize(("now", "found"), [
    ('{"data": {"a": 1, "new": null}}', []), ('{"data": {"a": 2}}', ["data.a"]), ('{"data": {}}', ["data.a"]),
    ('{"data": {"a": 1.0}}', []),
])
def test_a_loss_would_be_seen(now: str, found: list[str]) -> None:
    assert lost('{"data": {"a": 1}}', now.encode()) == found
