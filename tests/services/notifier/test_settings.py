from pydantic import SecretStr

from contracts.example_events import examples
from services.notifier.domain.addresses import Channel, addresses_for
from services.notifier.domain.wording import message_for
from services.notifier.settings import Settings


def test_addresses_follow_the_configuration() -> None:
    event = examples()["job.completed"]
    message = message_for(event.data, event.id)
    assert [a.channel for a in addresses_for(message, Settings().audience)] == [Channel.LOG]
    both = Settings(
        slack_webhook_url=SecretStr("https://hooks.slack.com/x"),
        smtp_host="mail",
        email_to=("team@example.com", "engineer@example.com"),
    )
    found = [(a.channel, a.recipient) for a in addresses_for(message, both.audience)]
    assert found == [(Channel.SLACK, ""), (Channel.EMAIL, "team@example.com"), (Channel.EMAIL, "engineer@example.com")]


def test_secrets_stay_out_of_representations() -> None:
    settings = Settings(
        slack_webhook_url=SecretStr("https://hooks.slack.com/x/y/topsecret"), smtp_password=SecretStr("pw1")
    )
    assert "topsecret" not in repr(settings)
    assert "pw1" not in repr(settings)
