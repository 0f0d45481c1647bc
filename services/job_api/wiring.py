"""What routes are given: built once by the composition root, handed to each request."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from chassis.auth import Principal, Role, require
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.database import Database
from chassis.deadletter import DeadLetters
from chassis.idempotency import Once, once
from chassis.object_store import ObjectStore
from services.job_api.api_key_cache import ApiKeyCache
from services.job_api.files.reader import FileReader
from services.job_api.live import JobNews
from services.job_api.presenters import to_json
from services.job_api.settings import Settings
from services.job_api.streaming import EventStream
from services.job_api.usecases.commands import JobCommands
from services.job_api.usecases.requests import Caller, Defaults


@dataclass(frozen=True)
class Parts:
    settings: Settings
    database: Database
    bus: Bus
    objects: ObjectStore
    clock: Clock
    defaults: Defaults
    commands: JobCommands
    news: JobNews
    stream: EventStream
    dead_letters: DeadLetters
    api_keys: ApiKeyCache
    files: FileReader


class JsonResponse(Response):
    """Written by orjson, without a detour over response models: those only document the shape."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)


def _parts(request: Request) -> Parts:
    found: Parts = request.app.state.parts
    return found


WithParts = Annotated[Parts, Depends(_parts)]
WithOnce = Annotated[Once, Depends(once)]

# Who may do what; admins may do everything in their workspace.
AnyMember = Annotated[Principal, Depends(require())]
Reader = Annotated[Principal, Depends(require(Role.ENGINEER, Role.ANALYST, Role.OWNER))]
Downloader = Annotated[Principal, Depends(require(Role.ENGINEER, Role.ANALYST))]
Engineer = Annotated[Principal, Depends(require(Role.ENGINEER))]
BudgetHolder = Annotated[Principal, Depends(require(Role.OWNER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


def caller(principal: Principal) -> Caller:
    return Caller(principal.subject, principal.workspace_id)
