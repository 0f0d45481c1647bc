from email.message import EmailMessage

import pytest
from pydantic import SecretStr

from contracts.example_events import examples
from contracts.identifiers import uuid7
from services.notifier.domain.addresses import JOB_CREATOR, Channel, NobodyToTell, addresses_for, creators_address
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


def test_only_job_api_knows_the_address_of_who_is_named_by_an_id() -> None:
    event = examples()["job.completed"]
    message = message_for(event.data.model_copy(update={"created_by": str(uuid7())}), event.id)
    mail = Settings(smtp_host="mail", email_to=("team@example.com",))
    assert [a.recipient for a in addresses_for(message, mail.audience)] == ["team@example.com", JOB_CREATOR]
    assert addresses_for(message, mail.audience, {"email"}) == []
    assert creators_address("ada@example.com", mail.audience) == "ada@example.com"
    for email, why in ((None, "no member"), ("", "no member"), ("Team@Example.com", "as a recipient")):
        with pytest.raises(NobodyToTell, match=why):
            creators_address(email, mail.audience)


def test_a_release_that_does_not_know_the_mark_has_nobody_to_write_to() -> None:
    message = EmailMessage()
    message["To"] = JOB_CREATOR
    assert [a for header in message.get_all("To") for group in header.groups for a in group.addresses] == []


def test_secrets_stay_out_of_representations() -> None:
    settings = Settings(
        slack_webhook_url=SecretStr("https://hooks.slack.com/x/y/topsecret"), smtp_password=SecretStr("pw1")
    )
    assert "topsecret" not in repr(settings)
    assert "pw1" not in repr(settings)
