"""What an installation sends to outside: spans by OTLP over HTTP, and messages to Slack."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class SeenSpan:
    service: str
    name: str
    trace_id: str
    kind: int
    attributes: dict[str, str]


@dataclass
class Receiver:
    """A server of this process. `/v1/traces` is a collector, `/operators` a Slack that takes everything, `/users` one
    that refuses everything."""

    spans: list[SeenSpan] = field(default_factory=list)
    alerts: list[dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.take(self.path, body))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> int:
        if path == "/v1/traces":
            self.spans += spans_of(body)
        elif path == "/operators":
            self.alerts.append(json.loads(body))
        else:
            return 500
        return 200

    def trace(self, trace_id: str) -> list[SeenSpan]:
        return [span for span in list(self.spans) if span.trace_id == trace_id]


def spans_of(body: bytes) -> list[SeenSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        SeenSpan(service, span.name, span.trace_id.hex(), span.kind,
                 {pair.key: pair.value.string_value for pair in span.attributes})
        for resource in request.resource_spans
        for service in [next(pair.value.string_value for pair in resource.resource.attributes
                             if pair.key == "service.name")]
        for scope in resource.scope_spans for span in scope.spans
    ]
