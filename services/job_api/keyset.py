"""Cursors of keyset pages: the sort value and the id of the last row, opaque to clients."""

import base64
import binascii
import json
from dataclasses import dataclass
from uuid import UUID

from services.job_api.errors import DomainError


class InvalidCursor(DomainError):
    """The cursor is damaged, or was made for another sort order."""


@dataclass(frozen=True)
class Cursor:
    """The position after the row (`value`, `id`) of a list sorted as `order` says, for example `-created_at`."""

    order: str
    value: str | int
    id: UUID

    def encode(self) -> str:
        text = json.dumps([self.order, self.value, str(self.id)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str, order: str) -> Cursor:
    """Raises InvalidCursor."""
    try:
        padded = text + "=" * (-len(text) % 4)
        made_for, value, row_id = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        cursor = Cursor(made_for, value, UUID(row_id))
    except (ValueError, TypeError, AttributeError, UnicodeError, binascii.Error) as error:
        raise InvalidCursor("the cursor is damaged") from error
    if made_for != order or not isinstance(value, str | int):
        raise InvalidCursor(f"the cursor was made for the order {made_for!r}, not {order!r}")
    return cursor
