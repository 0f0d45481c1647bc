"""The caller, whatever credential it showed."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from uuid import UUID


class Role(StrEnum):
    ENGINEER = "engineer"
    ANALYST = "analyst"
    OWNER = "owner"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """`subject` is the user's id (JWT `sub`) or the user an API key was issued to; every query filters by workspace."""

    subject: str
    workspace_id: UUID
    roles: frozenset[Role]
    kind: Literal["jwt", "api_key", "session"]
    # What was shown, without its secret: the key's or session's prefix, or the token's subject.
    credential: str = field(default="", compare=False)

    @property
    def acts_as(self) -> frozenset[Role]:
        """Admins may do everything in their workspace; no other role implies another."""
        return frozenset(Role) if Role.ADMIN in self.roles else self.roles

    def has_any(self, *roles: Role) -> bool:
        return not roles or not self.acts_as.isdisjoint(roles)
