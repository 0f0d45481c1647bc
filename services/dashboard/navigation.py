"""The pages that the menu offers. A page is added here, in `routes/__init__.py` and as a template: see README.md."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """`roles`: whom it is offered to (the API decides what is allowed); empty: everybody. `operators`: only admins of a
    workspace that runs the installation."""

    title: str
    path: str
    roles: frozenset[str] = frozenset()
    operators: bool = False

    def offered_to(self, me: dict[str, Any]) -> bool:
        if self.operators:
            return bool(me.get("is_operator")) and "admin" in me["roles"]
        return not self.roles or bool(self.roles.intersection(me["roles"]))


ENTRIES: tuple[Entry, ...] = (
    Entry("Jobs", "/jobs"),
    Entry("Queue", "/queue"),
    Entry("Compare", "/compare"),
    Entry("Training files", "/files"),
    Entry("Templates", "/templates"),
    Entry("History", "/analytics"),
    Entry("Settings", "/settings"),
    Entry("Operations", "/operations", operators=True),
)


def menu(me: dict[str, Any]) -> list[Entry]:
    return [entry for entry in ENTRIES if entry.offered_to(me)]
