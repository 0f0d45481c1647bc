"""From the bytes of the pipe to lines: on to the container's own output, and into the buffer of what is told."""

import time
from contextlib import suppress

from trainer_image.output.buffer import LineBuffer
from trainer_image.output.levels import LevelGuess
from trainer_image.output.lines import LineSplitter, plain
from trainer_image.output.secrets import Secrets
from trainer_image.output.unread import write_all


class Pump:
    """Belongs to one thread; `lines` is shared. What is secret is hidden before it goes anywhere."""

    def __init__(self, container_output: int) -> None:
        self.lines = LineBuffer()
        self._output = container_output
        self._splitter, self._secrets, self._level = LineSplitter(), Secrets(), LevelGuess()

    def take(self, data: bytes) -> None:
        self._tell(self._splitter.feed(data))

    def flush(self) -> None:
        """Nothing came for a while: what stands there is a line."""
        self._tell(self._splitter.rest())

    def note(self, line: str) -> None:
        """A line of our own."""
        self._tell([*self._splitter.rest(), line])

    def close(self) -> None:
        self.flush()
        self.lines.close()

    def _tell(self, lines: list[str]) -> None:
        if not lines:
            return
        shown, now = self._secrets.hidden("\n".join(lines)), time.time()
        with suppress(OSError):  # nobody reads the container's output: no reason to stop
            write_all(self._output, (shown + "\n").encode())
        for line in shown.split("\n"):
            self.lines.add(now, self._level.of(line, now), plain(line))
