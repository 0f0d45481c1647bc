"""A multipart form read while it arrives: the file goes to disk piece by piece, memory stays constant."""

from dataclasses import dataclass, field
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.job_api.files import problems

FILE_FIELD = "file"
TEXT_FIELDS = ("name", "description")
_LARGEST_TEXT = 64 * 1024


class FileTooLarge(Exception):
    """The file part is over the limit; the rest of the body was not kept."""


@dataclass
class _Part:
    name: str = ""
    file_name: str | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)


class UploadForm:
    """Feed it the body with `write`; afterwards `finish()` tells what came. Raises problem documents."""

    def __init__(self, content_type: str, spool: BinaryIO, limit: int) -> None:
        media_type, options = parse_options_header(content_type)
        if media_type != b"multipart/form-data" or b"boundary" not in options:
            raise problems.not_a_form()
        self.file_name: str | None = None
        self.size = 0
        self.texts: dict[str, bytearray] = {}
        self._spool, self._limit = spool, limit
        self._part, self._header, self._value = _Part(), bytearray(), bytearray()
        self._complete = False
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise problems.malformed_form(str(error)) from error

    def write(self, chunk: bytes) -> None:
        """Raises FileTooLarge as soon as the file is over the limit."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise problems.malformed_form("its parts are not separated as RFC 7578 says") from error

    def finish(self) -> dict[str, str]:
        """The text fields, once the last boundary was seen and a file was there."""
        if not self._complete:
            raise problems.malformed_form("it ends in the middle; the upload was cut off")
        if self.file_name is None:
            raise problems.wrong_field(FILE_FIELD, "is missing", "Add the file in the form field 'file'.")
        return {name: _text(name, bytes(value)) for name, value in self.texts.items()}

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._part.headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition", b""))
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        given = options.get(b"filename")
        self._part.file_name = None if given is None else given.decode("utf-8", "replace")
        if self._part.name == FILE_FIELD:
            if self.file_name is not None:
                raise problems.wrong_field(FILE_FIELD, "was sent twice", "Send one file in a request.")
            self.file_name = self._part.file_name or ""
        elif self._part.name in TEXT_FIELDS:
            self.texts[self._part.name] = bytearray()
        else:
            known = ", ".join((FILE_FIELD, *TEXT_FIELDS))
            raise problems.wrong_field(self._part.name or "(unnamed)", "is not a field of this form", f"Use {known}.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name == FILE_FIELD:
            self.size += end - start
            if self.size > self._limit:
                raise FileTooLarge
            self._spool.write(memoryview(data)[start:end])
            return
        text = self.texts[self._part.name]
        text += data[start:end]
        if len(text) > _LARGEST_TEXT:
            raise problems.wrong_field(self._part.name, "is too long", f"Shorten {self._part.name}.")

    def _end(self) -> None:
        self._complete = True


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise problems.wrong_field(name, "is not UTF-8 text", "Send the form in UTF-8.") from error
