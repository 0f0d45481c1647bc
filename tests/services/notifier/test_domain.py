from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from contracts.example_events import examples
from contracts.registry import EVENTS
from services.notifier.addresses import addresses_for
from services.notifier.domain import Channel, message_for, retry_after
from services.notifier.settings import Settings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
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


def test_delays_grow_then_end_and_a_receivers_wish_counts() -> None:
    delays = (1.0, 10.0)
    assert retry_after(1, delays, NOW).at == NOW + timedelta(seconds=1)
    assert retry_after(2, delays, NOW).at == NOW + timedelta(seconds=10)
    assert retry_after(3, delays, NOW).at is None
    assert retry_after(1, delays, NOW, asked_s=60).at == NOW + timedelta(seconds=60)


def test_addresses_follow_the_configuration() -> None:
    event = examples()["job.completed"]
    message = message_for(event.data, event.id)
    assert [a.channel for a in addresses_for(message, Settings())] == [Channel.LOG]
    both = Settings(
        slack_webhook_url=SecretStr("https://hooks.slack.com/x"),
        smtp_host="mail",
        email_to=("team@example.com", "engineer@example.com"),
    )
    found = [(a.channel, a.recipient) for a in addresses_for(message, both)]
    assert found == [(Channel.SLACK, ""), (Channel.EMAIL, "team@example.com"), (Channel.EMAIL, "engineer@example.com")]


def test_secrets_stay_out_of_representations() -> None:
    settings = Settings(
        slack_webhook_url=SecretStr("https://hooks.slack.com/x/y/topsecret"), smtp_password=SecretStr("pw1")
    )
    assert "topsecret" not in repr(settings)
    assert "pw1" not in repr(settings)
