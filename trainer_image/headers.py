"""What every published event carries beside its text."""


def message_headers(event_id: str, traceparent: str | None) -> dict[str, str]:
    """The broker drops a repetition by the id; whoever handles the message goes on with the trace."""
    return {"Nats-Msg-Id": event_id} | ({"traceparent": traceparent} if traceparent else {})
