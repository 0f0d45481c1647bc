"""How long dead letters stay is an installation's choice; all else about streams is the same everywhere."""

import pytest

from chassis.messaging.drift import stream_config
from chassis.messaging.stream_settings import StreamSettings, streams_of_installation
from chassis.messaging.topology import apply
from contracts.streams import DAY_S, DEAD_LETTER_STREAM, STREAMS


def test_without_a_word_streams_are_as_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRIGHTRUN_DEAD_LETTER_RETENTION_DAYS", raising=False)
    assert streams_of_installation() == STREAMS


async def test_dead_letters_stay_as_long_as_is_said(jetstream, topology) -> None:
    changed = StreamSettings(dead_letter_retention_days=10).applied()
    differences = await apply(jetstream, changed)
    try:
        assert [(item.name, item.field) for item in differences] == [(DEAD_LETTER_STREAM, "max_age")]
        info = await jetstream.stream_info(DEAD_LETTER_STREAM)
        assert info.config.max_age == 10 * DAY_S
    finally:
        for spec in STREAMS:
            await jetstream.update_stream(stream_config(spec))


def test_a_time_in_which_a_deleted_job_could_come_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_DEAD_LETTER_RETENTION_DAYS", "400")
    with pytest.raises(SystemExit, match="BRIGHTRUN_DEAD_LETTER_RETENTION_DAYS"):
        streams_of_installation()
