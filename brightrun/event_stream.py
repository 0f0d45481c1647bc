"""Server-sent events of a job: resumes by itself where it was cut off."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from brightrun.client import ROOT, Client
from brightrun.errors import ApiError, Unreachable
from brightrun.http import problem_of

_SILENCE_S = 45.0  # three heartbeats
_PATIENCE_S = 120.0


def follow(client: Client, job_id: str, patience_s: float = _PATIENCE_S) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event name, data) until the job has ended; see GET /jobs/{id}/stream.

    A lost connection is made again with Last-Event-ID, so that no event is missed or repeated.
    Raises ApiError at once, Unreachable after `patience_s` seconds without an answer.
    """
    last_id, lost_since = "", 0.0
    while True:
        try:
            for event_id, name, data in _once(client, job_id, last_id):
                last_id, lost_since = event_id or last_id, 0.0
                yield name, data
                if name == "end":
                    return
        except httpx.HTTPError as error:
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > patience_s:
                raise Unreachable(
                    f"The connection to {client.credentials.url} was lost ({error}).",
                    f"The job goes on. Watch again: brightrun jobs watch {job_id}",
                ) from error
        time.sleep(1.0)


def _once(client: Client, job_id: str, last_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
    with client.http.stream("GET", f"{ROOT}/jobs/{job_id}/stream", headers=headers, timeout=_SILENCE_S) as response:
        if response.status_code >= 500:
            raise httpx.RemoteProtocolError(f"status {response.status_code}")
        if not response.is_success:
            raise ApiError(problem_of(response))
        if response.status_code == 204:  # everything was seen and the job has ended
            yield "", "end", {}
            return
        yield from parse(response.iter_lines())


def parse(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(id, event, data) of every complete message; comments and retry hints are skipped."""
    parser = Parser()
    for line in lines:
        if message := parser.feed(line):
            yield message


class Parser:
    """Of one stream, a line at a time."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> tuple[str, str, dict[str, Any]] | None:
        """The message that this line completes."""
        if not line:
            fields, self._fields = self._fields, {}
            if "data" not in fields:
                return None
            return fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"])
        name, _, value = line.partition(":")
        value, before = value.removeprefix(" "), self._fields.get(name)
        if name:
            self._fields[name] = f"{before}\n{value}" if name == "data" and before is not None else value
        return None
