"""What a route sees of its claim: it stores its answer in the transaction of its effect."""

from typing import Any

import orjson
from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.problems import ServiceUnavailable
from services.job_api.edge.idempotency.claims import Claim, Claims, StoredResponse
from services.job_api.edge.idempotency.fingerprint import HashedBody


class Once:
    """Without an Idempotency-Key it does nothing, so a route need not care whether there was one."""

    def __init__(self, claims: Claims | None = None, claim: Claim | None = None, body: HashedBody | None = None):
        self._claims, self._claim, self._body = claims, claim, body
        self.stored = False

    async def store(
        self,
        tx: AsyncConnection,
        status: int,
        document: BaseModel | dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> None:
        """Call it last in the transaction, with what the route is about to return.

        Raises ServiceUnavailable (the transaction rolls back) when another request has taken the claim over.
        """
        if self._claims is None or self._claim is None or self._body is None:
            return
        content = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
        response = StoredResponse(
            status,
            {"content-type": "application/json"} | (headers or {}),
            orjson.dumps(content),
            await self._body.digest(),
        )
        if not await self._claims.complete(tx, self._claim, response):
            raise ServiceUnavailable(
                "This request took too long and another one with the same Idempotency-Key replaced it.",
                code="idempotency_claim_lost",
                suggested_fix="Repeat the request with the same Idempotency-Key.",
            )
        self.stored = True


def once(request: Request) -> Once:
    """Dependency: `once: Annotated[Once, Depends(once)]`."""
    found = request.scope.get("state", {}).get("idempotency")
    return found if isinstance(found, Once) else Once()
