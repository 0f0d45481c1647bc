"""docs/events.md, made from the registry."""

from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS, RPCS
from contracts.streams import CONSUMERS, STREAMS

_HEAD = """# Events and requests

Generated from `contracts/` by `make schemas`; do not edit. JSON Schemas lie in `contracts/schemas/events/`, examples of
every event in `contracts/examples/`, the AsyncAPI document in `contracts/schemas/asyncapi.json`.

Every event is a CloudEvents 1.0 envelope in structured JSON: `id` (UUIDv7, also the `Nats-Msg-Id`), `source`, `type`
(`brightrun.<entity>.<event>.v1`), `subject` (`<entity>.<event>.<job_id>`), `time`, `traceparent`, `data`. Additive
changes keep the version; anything else is a new type. Assume no order: events of a pod carry `attempt` (a fencing
token) and `sequence`.
"""


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def events_document() -> str:
    rows = [
        f"| `{spec.model.subject_prefix()}` | {_own_doc(spec.model)} | {', '.join(spec.producers)} | "
        f"{', '.join(spec.consumers) or '-'} | {spec.stream} |"
        for spec in EVENTS
    ]
    streams = [
        f"| {s.name} | `{'`, `'.join(s.subjects)}` | {s.description} | {s.max_age_s // 86400} days |" for s in STREAMS
    ]
    consumers = [
        f"| `{c.durable}` | {c.stream} | {c.ack_wait_s:g} s | {', '.join(f'{d:g} s' for d in c.retry_delays_s)} |"
        for c in CONSUMERS
    ]
    rpcs = [
        f"| `{row.rpc.subject}` | {', '.join(row.callers)} | {_first_sentence(row.rpc.request.__doc__) or '-'} |"
        for row in RPCS
    ] + [
        f"| `{rpc.subject('<job_id>')}` | the job's pod | {_first_sentence(rpc.request.__doc__) or '-'} |"
        for rpc in POD_RPCS
    ]
    return "\n".join(
        [
            _HEAD,
            "## Events\n",
            "| event | meaning | published by | subscribed to by | stream |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "\n## Streams\n",
            "| stream | subjects | holds | kept |",
            "| --- | --- | --- | --- |",
            *streams,
            "\n## Durable consumers\n",
            "After the last delay a message goes to the dead letters (`brightrun dlq list`).\n",
            "| durable | stream | ack wait | delays between tries |",
            "| --- | --- | --- | --- |",
            *consumers,
            "\n## Requests\n",
            "Core NATS request/reply with a 2 s limit; no answer is HTTP 503, never a guess.\n",
            "| subject | asked by | question |",
            "| --- | --- | --- |",
            *rpcs,
            "",
        ]
    )


def _own_doc(model: type) -> str:
    """The class's own docstring; inherited ones describe a base."""
    return _first_sentence(model.__dict__.get("__doc__")) or "-"
