"""Bytes to lines, and lines to text that any reader can show."""

import codecs
import re

# A line that never ends is told in pieces.
_LONGEST_BYTES = 64 * 1024
LONGEST_SHOWN = 4_000
# Colours and cursor movements of terminals; then whatever else is no text.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_ENDS = re.compile(r"\r\n|\n|\r")


class LineSplitter:
    """Lines end with a line feed, a carriage return (progress bars) or both. Bytes that are no UTF-8 become U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        text = self._begun + self._decoder.decode(data)
        # The second half of a \r\n may still come.
        held = text.endswith("\r")
        *lines, self._begun = _ENDS.split(text[:-1] if held else text)
        if held:
            self._begun += "\r"
        if len(self._begun) > _LONGEST_BYTES:
            lines += self.rest()
        return lines

    def rest(self) -> list[str]:
        """What was begun, as a line."""
        begun, self._begun = self._begun.rstrip("\r"), ""
        return [begun] if begun else []


def plain(line: str) -> str:
    """Without escapes and control characters, and cut where it is too long."""
    text = _CONTROL.sub("\ufffd", _ESCAPES.sub("", line)).rstrip()
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}... ({len(text) - LONGEST_SHOWN:,} more characters)"
