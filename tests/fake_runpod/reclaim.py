"""Spot machines are taken back when their container has written certain words."""

from __future__ import annotations

import asyncio
import re

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fake_runpod.faults import Faults
from tests.fake_runpod.process import Container

_LOOK_EVERY_S = 0.02
PATH = "/faults/reclaim"


class Reclaim(BaseModel):
    """`after` is a regular expression that the container's log matches; SIGKILL comes `notice_s` after SIGTERM, with 0
    there is no SIGTERM."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: str
    notice_s: float = Field(default=5.0, ge=0)


async def due(reclaim: Reclaim, container: Container) -> None:
    """Returns when the container has written the words."""
    words = re.compile(reclaim.after, re.DOTALL)
    while not (container.log.exists() and words.search(container.log.read_text(errors="replace"))):
        await asyncio.sleep(_LOOK_EVERY_S)


def order_route(faults: Faults) -> Route:
    """Not RunPod's: for whoever started this server. The next pod that is made is reclaimed so."""

    async def order(request: Request) -> Response:
        faults.reclaim.append(Reclaim.model_validate_json(await request.body()))
        return Response(status_code=204)

    return Route(PATH, order, methods=["POST"])
