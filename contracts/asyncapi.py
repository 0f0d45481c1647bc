"""AsyncAPI 3.0 document of every event and request, made from the registry."""

import inspect
from typing import Any

from contracts.registry import EVENTS, EventSpec, envelope_of
from contracts.rpc.catalog import POD_RPCS, RPCS
from contracts.rpc.spec import PodRpc, Rpc


def _event_channel(spec: EventSpec) -> dict[str, Any]:
    key = "{" + spec.model.key_field + "}"
    return {
        "address": f"{spec.model.subject_prefix()}.{key}",
        "title": spec.type,
        "description": inspect.cleandoc(spec.model.__doc__ or ""),
        "parameters": {spec.model.key_field: {"description": "UUID"}},
        "messages": {spec.type: {"$ref": f"#/components/messages/{spec.type}"}},
        "x-stream": spec.stream,
        "x-producers": list(spec.producers),
        "x-consumers": list(spec.consumers),
    }


def _message(spec: EventSpec) -> dict[str, Any]:
    return {
        "name": spec.type,
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"schemas/events/{spec.type}.json"},
    }


def _rpc_channel(rpc: Rpc[Any, Any] | PodRpc[Any, Any], callers: tuple[str, ...]) -> dict[str, Any]:
    address = rpc.subject if isinstance(rpc, Rpc) else rpc.subject("{job_id}")
    return {
        "address": address,
        "description": inspect.cleandoc(rpc.request.__doc__ or ""),
        "messages": {
            "request": {"payload": {"$ref": f"schemas/rpc/{rpc.service}.{rpc.method}.request.json"}},
            "reply": {"payload": {"$ref": f"schemas/rpc/{rpc.service}.{rpc.method}.reply.json"}},
        },
        "x-answered-by": rpc.service,
        "x-callers": list(callers),
    }


def asyncapi_document() -> dict[str, Any]:
    channels = {spec.model.subject_prefix(): _event_channel(spec) for spec in EVENTS}
    channels |= {row.rpc.subject: _rpc_channel(row.rpc, row.callers) for row in RPCS}
    channels |= {f"podrpc.{rpc.method}": _rpc_channel(rpc, ("trainer",)) for rpc in POD_RPCS}
    operations = {
        f"{service}.{action}.{spec.model.subject_prefix()}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{spec.model.subject_prefix()}"},
        }
        for spec in EVENTS
        for action, services in (("send", spec.producers), ("receive", spec.consumers))
        for service in services
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "brightrun events and requests",
            "version": "1.0.0",
            "description": "Generated from contracts/registry.py and contracts/rpc/catalog.py.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {spec.type: _message(spec) for spec in EVENTS}},
    }


def event_schema(spec: EventSpec) -> dict[str, Any]:
    schema = envelope_of(spec.model).model_json_schema()
    schema["$id"] = spec.type
    schema["title"] = spec.type
    schema["properties"]["type"] = {"const": spec.type}
    return schema
