"""The messaging tables of a service, registered in its metadata."""

from sqlalchemy import MetaData

from chassis.database.leases import leases_table
from chassis.messaging.attempts import attempts_table
from chassis.messaging.inbox import inbox_table
from chassis.messaging.outbox import outbox_table


def add_messaging_tables(metadata: MetaData, *, publishes: bool = True) -> None:
    """Inbox, attempts and leases; the outbox, and with it the relay, only for a service that publishes events."""
    inbox_table(metadata)
    attempts_table(metadata)
    leases_table(metadata)
    if publishes:
        outbox_table(metadata)
