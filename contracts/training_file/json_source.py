"""Reads JSON values one after the other from a byte stream, in bounded memory, naming the place of a fault.

The standard decoder works on a window of the text. Streaming parsers were no help here: yajl (ijson)
replaces lone surrogates silently, keeps the last of two equal keys and reports no line.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from contracts.training_file.refusals import (
    TrainingFileRefused,
    TrainingFileTooLarge,
    UnsupportedTrainingFile,
)
from contracts.training_file.soundness import decode_pairs, is_sound, refuse_unsound

MAX_BYTES = 200 * 1000 * 1000
MAX_VALUE_CHARS = 32 * 1000 * 1000
CHUNK = 1 << 20

WHITE_SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(object_pairs_hook=decode_pairs)
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "RAR",
}


class JsonSource:
    """A window of decoded text over `read(n) -> bytes`; `pos` is the next character, `line` counts from 1."""

    def __init__(self, read: Callable[[int], bytes], max_bytes: int = MAX_BYTES) -> None:
        self._read = read
        self._max_bytes = max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._digest = hashlib.sha256()
        self.size = 0
        self.text = ""
        self.pos = 0
        self.ended = False
        self._lines = 0  # line feeds before `_counted`
        self._counted = 0
        self._chars_dropped_on_line = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def line(self, pos: int | None = None) -> int:
        """The line of `pos`, counted on from where counting stopped: once over the file in all."""
        pos = self.pos if pos is None else pos
        if pos < self._counted:
            return 1 + self._lines - self.text.count("\n", pos, self._counted)
        self._lines += self.text.count("\n", self._counted, pos)
        self._counted = pos
        return 1 + self._lines

    def place(self, pos: int | None = None) -> str:
        pos = self.pos if pos is None else pos
        start = self.text.rfind("\n", 0, pos) + 1
        column = pos - start + 1 + (self._chars_dropped_on_line if start == 0 else 0)
        return f"line {self.line(pos):,}, column {column:,}"

    def fill(self) -> bool:
        """Drop what was consumed and read on; False at the end of the file."""
        if self.ended:
            return False
        self._drop_consumed()
        data = self._read(max(CHUNK, len(self.text)))
        self._digest.update(data)
        if self.size == 0:
            data = self._without_mark(data)
        self.size += len(data)
        if self.size > self._max_bytes:
            limit = f"{self._max_bytes // 1_000_000:,} MB"
            raise TrainingFileTooLarge(
                "TF002_too_large", f"the file is larger than {limit}", suggested_fix="Split the file."
            )
        self.text += self._decode(data)
        return not self.ended

    def peek(self) -> str:
        """The next character that is not white space, or "" at the end; `pos` then stands on it."""
        while True:
            match = WHITE_SPACE.match(self.text, self.pos)
            self.pos = match.end() if match else self.pos
            if self.pos < len(self.text):
                return self.text[self.pos]
            if not self.fill():
                return ""

    def take(self, character: str, expected: str) -> None:
        """Consume one structural character, or refuse with what was expected."""
        found = self.peek()
        if found != character:
            self.refuse_syntax(f"expected {expected}, found {found!r}" if found else self._early_end())
        self.pos += 1

    def value(self, name: str) -> Any:
        """Decode the next value and check it; `name` is how a fault in it is addressed."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.pos)
            except RecursionError:
                self._refuse("TF012_nested_too_deep", f"{name} is nested too deeply", "Flatten the record.")
            except json.JSONDecodeError as error:
                self._read_on_or_refuse(error)
                continue
            except ValueError:
                self.refuse_syntax("a number has too many digits")
            if end == len(self.text) and self.fill():
                continue
            if not is_sound(value, with_texts=self.text.find("\\u", self.pos, end) >= 0):
                refuse_unsound(value, f"line {self.line():,}, {name}")
            self.pos = end
            return value

    def _read_on_or_refuse(self, error: json.JSONDecodeError) -> None:
        """A fault at the end of the window means an incomplete value; anywhere else it is the file's."""
        incomplete = error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - 12
        if len(self.text) - self.pos > MAX_VALUE_CHARS:
            raise TrainingFileTooLarge("TF013_value_too_large", "a single record is over 32 MB", place=self.place())
        distance = error.pos - self.pos
        if incomplete and self.fill():
            return
        if error.pos >= len(self.text) or error.msg.startswith("Unterminated string"):
            self.refuse_syntax(self._early_end(), self.pos + distance)
        self.refuse_syntax(error.msg.lower(), self.pos + distance)

    def _early_end(self) -> str:
        return "the file ends in the middle of a value; the upload or export may have been cut off"

    def _refuse(self, code: str, message: str, fix: str, pos: int | None = None) -> NoReturn:
        raise TrainingFileRefused(code, message, place=self.place(pos), suggested_fix=fix)

    def refuse_duplicate(self, key: str) -> NoReturn:
        message = f"the key {key[:80]!r} stands twice in one object"
        self._refuse("TF008_duplicate_key", message, "Keep one of the two.")

    def refuse_syntax(self, message: str, pos: int | None = None) -> NoReturn:
        fix = "Export the file again, or check it with a JSON validator."
        self._refuse("TF007_invalid_json", f"not valid JSON: {message}", fix, pos)

    def _drop_consumed(self) -> None:
        kept_line_start = self.text.rfind("\n", 0, self.pos)
        self.line()
        if kept_line_start >= 0:
            self._chars_dropped_on_line = 0
        self._chars_dropped_on_line += self.pos - kept_line_start - 1
        self.text = self.text[self.pos :]
        self._counted -= self.pos
        self.pos = 0

    def _without_mark(self, data: bytes) -> bytes:
        for magic, kind in MAGIC.items():
            if data.startswith(magic):
                raise UnsupportedTrainingFile(
                    "TF004_compressed",
                    f"the file is compressed ({kind})",
                    suggested_fix="Unpack it and upload the JSON or JSONL file.",
                )
        return data.removeprefix(codecs.BOM_UTF8)

    def _decode(self, data: bytes) -> str:
        self.ended = not data
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(data, final=self.ended)
        except UnicodeDecodeError as error:
            raise self._not_utf8(self.size - len(data) - pending + error.start) from None
        if "\0" in text:
            raise self._not_utf8(self.size - len(data) + max(data.find(b"\0"), 0))
        return text

    def _not_utf8(self, offset: int) -> UnsupportedTrainingFile:
        return UnsupportedTrainingFile(
            "TF005_not_utf8",
            "the file is not UTF-8 text (or holds NUL bytes)",
            place=f"byte {offset + 1:,}",
            suggested_fix="Save the file as UTF-8 without NUL bytes and upload it again.",
        )
