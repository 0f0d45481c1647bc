import pytest

from contracts.example_events import examples
from contracts.registry import EVENTS
from services.notifier.domain.wording import message_for

HEARD = {spec.model for spec in EVENTS if "notifier" in spec.consumers}
STEMS = [stem for stem, event in examples().items() if type(event.data) in HEARD]


@pytest.mark.parametrize("stem", STEMS)
def test_every_event_that_is_heard_has_words(stem: str) -> None:
    event = examples()[stem]
    message = message_for(event.data, event.id)
    assert message.title
    assert all(message.lines)


def test_a_failure_says_what_to_do() -> None:
    event = examples()["job.failed"]
    text = message_for(event.data, event.id).text()
    assert event.data.message in text
    assert event.data.suggested_fix in text


def test_one_interruption_has_one_key_whoever_reports_it() -> None:
    first, second = examples()["pod.interrupted"], examples()["pod.interrupted.silent_before_first_step"]
    assert message_for(first.data, first.id).dedup_key == message_for(second.data, second.id).dedup_key


def test_an_event_nobody_hears_has_no_words() -> None:
    event = examples()["job.created"]
    with pytest.raises(TypeError, match=r"brightrun\.job\.created"):
        message_for(event.data, event.id)
