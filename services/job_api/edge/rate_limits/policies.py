"""Which quotas a request counts against."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from services.job_api.paths import PREFIX

_UPLOADS = frozenset({f"{PREFIX}/files", f"{PREFIX}/files/validate"})


class RouteClass(StrEnum):
    READS = "reads"
    WRITES = "writes"
    UPLOADS = "uploads"
    WEBHOOKS = "webhooks"
    SIGN_INS = "sign-ins"


@dataclass(frozen=True)
class Quota:
    """So many requests in so many seconds: all at once, or evenly; what was used comes back evenly."""

    requests: int
    window_s: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`"600/60"`; None for `"0/60"`, no limit."""
        requests, _, window = text.partition("/")
        return cls(int(requests), int(window)) if int(requests) else None


@dataclass(frozen=True)
class Limit:
    """A quota under the name that the headers have, counted for one key, workspace or address (`of`)."""

    name: str
    quota: Quota
    of: str


@dataclass(frozen=True)
class Policies:
    """By class of route; a class that is missing has no limit. Addresses: callers that show no valid credentials."""

    per_key: dict[RouteClass, Quota]
    per_workspace: dict[RouteClass, Quota]
    per_address: dict[RouteClass, Quota]

    @property
    def names(self) -> list[str]:
        scopes = {"key": self.per_key, "workspace": self.per_workspace, "address": self.per_address}
        return [f"{kind}-{scope}" for scope, quotas in scopes.items() for kind in quotas]

    def for_caller(self, kind: RouteClass, workspace_id: str, credential: str) -> list[Limit]:
        # The braces keep both counters on one node of a cluster.
        found = []
        if quota := self.per_key.get(kind):
            found.append(Limit(f"{kind}-key", quota, f"{{{workspace_id}}}:key:{credential}"))
        if quota := self.per_workspace.get(kind):
            found.append(Limit(f"{kind}-workspace", quota, f"{{{workspace_id}}}:workspace"))
        return found

    def for_address(self, kind: RouteClass, address: str) -> list[Limit]:
        quota = self.per_address.get(kind)
        return [Limit(f"{kind}-address", quota, f"{{{address}}}")] if quota else []


def class_of(method: str, path: str) -> RouteClass:
    if method in ("GET", "HEAD", "OPTIONS"):
        return RouteClass.READS
    return RouteClass.UPLOADS if path in _UPLOADS else RouteClass.WRITES
