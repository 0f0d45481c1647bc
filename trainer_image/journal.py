"""The spool: every event goes to disk first, in order, and stays there until the process ends."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.envelope import Event


@dataclass(frozen=True)
class Entry:
    """One journalled event. `end` is the offset of the byte after it."""

    subject: str
    event_id: str
    payload: bytes
    end: int


class Journal:
    """Append-only lines `<subject> TAB <event id> TAB <event as JSON>` (JSON has no raw tabs or line feeds).

    Any thread may append, one thread reads. Nothing is ever removed: when the broker lost a stream, all of
    this attempt is published again and the consumers drop what they know.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._writer = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._drop_torn_tail(path)
        self._reader = path.open("rb")
        self.count = sum(1 for _ in path.open("rb"))
        self.end = path.stat().st_size

    def _drop_torn_tail(self, path: Path) -> None:
        """A process killed while writing leaves half a line; that event was never published."""
        os.truncate(self._writer, path.read_bytes().rfind(b"\n") + 1)

    def append(self, event: Event[Any]) -> None:
        line = b"\t".join((event.subject.encode(), str(event.id).encode(), event.to_bytes())) + b"\n"
        with self._lock:
            written = os.write(self._writer, line)
            if written != len(line):
                raise OSError(f"the spool took {written} of {len(line)} bytes; is the disk full?")
            self.count += 1
            self.end += len(line)

    def read(self, offset: int, limit: int) -> list[Entry]:
        """Up to `limit` complete entries from `offset` on."""
        self._reader.seek(offset)
        found: list[Entry] = []
        while len(found) < limit and (line := self._reader.readline()).endswith(b"\n"):
            subject, event_id, payload = line[:-1].split(b"\t", 2)
            offset += len(line)
            found.append(Entry(subject.decode(), event_id.decode(), payload, offset))
        return found
