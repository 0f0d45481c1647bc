"""Objects as the API server keeps them."""

from __future__ import annotations

import asyncio
import base64
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.fake_runpod.process import Container

Document = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, reason: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.retry_after_s = status, reason, message, retry_after_s


class Kept:
    """One object. `document` is what is shown of it; `gone` is set when it is removed."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.metadata: Document = document["metadata"]
        self.spec: Document = document.get("spec", {})
        self.status: Document = document.get("status", {})
        self.gone = asyncio.Event()

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def uid(self) -> str:
        return str(self.metadata["uid"])

    @property
    def ending(self) -> bool:
        return "deletionTimestamp" in self.metadata

    def owned_by(self, uid: str) -> bool:
        return any(owner["uid"] == uid for owner in self.metadata.get("ownerReferences", []))

    def condition(self, kind: str, status: str, at: datetime, reason: str = "", message: str = "") -> None:
        """As it is from now on."""
        others = [one for one in self.status.get("conditions", []) if one["type"] != kind]
        made = {"type": kind, "status": status, "lastTransitionTime": moment(at)}
        made |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
        self.status["conditions"] = [*others, made]


class KeptPod(Kept):
    """`node`: whose GPU it holds."""

    def __init__(self, document: Document, container: Container) -> None:
        super().__init__(document)
        self.container = container
        self.node = ""
        self.oom_killed = False
        self.stuck = False  # its node does not answer any more


def new_object(given: Document, namespace: str, at: datetime) -> Document:
    made = deepcopy(given)
    if made["kind"] != "Secret":
        made.setdefault("status", {})
    made["metadata"] |= {"namespace": namespace, "uid": str(uuid4()), "creationTimestamp": moment(at),
                         "generation": 1}
    return made


def encoded(secret: Document) -> Document:
    """What is written as text is kept, and shown, in base64."""
    text = secret.pop("stringData", {})
    data = {key: base64.b64encode(value.encode()).decode() for key, value in text.items()}
    return {**secret, "data": {**secret.get("data", {}), **data}}


def decoded(secret: Document) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def moment(at: datetime) -> str:
    """Whole seconds, as Kubernetes tells them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selected(document: Document, selector: str) -> bool:
    labels = document["metadata"].get("labels", {})
    wanted = dict(part.split("=") for part in selector.split(",") if part)
    return all(labels.get(key) == value for key, value in wanted.items())
