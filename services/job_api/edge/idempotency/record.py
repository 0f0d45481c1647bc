"""What a route stores in the transaction of its effect: its answer for repetitions, its entry of the audit log."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.problems import ServiceUnavailable
from services.job_api.audit.domain import Actor
from services.job_api.edge.audit import AuditTrail, trail_of
from services.job_api.edge.idempotency.claims import Claim, Claims, StoredResponse
from services.job_api.edge.idempotency.fingerprint import HashedBody
from services.job_api.edge.responses import JsonResponse, to_json


class IdempotencyRecord:
    """Without an Idempotency-Key no answer is kept; the audit log has its entry in any case. A route need not care."""

    def __init__(self, claims: Claims | None = None, claim: Claim | None = None, body: HashedBody | None = None):
        self._claims, self._claim, self._body = claims, claim, body
        self.trail: AuditTrail | None = None
        self.stored = False

    def acts_as(self, actor: Actor, target: object = "") -> None:
        """For the audit log: who speaks in a request that shows no credentials, and about what."""
        if self.trail is not None:
            self.trail.acts_as(actor, target)

    def concerns(self, targets: Iterable[object]) -> None:
        """For the audit log: on what a request acts that names several things; each has an entry of its own."""
        if self.trail is not None:
            self.trail.concerns(targets)

    def settle(self, status: int, code: str = "") -> None:
        """For the audit log: what has come of a request whose answer is a redirect either way."""
        if self.trail is not None:
            self.trail.settle(status, code)

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
        if self.trail is not None:
            await self.trail.write(tx, status, document if isinstance(document, dict) else None)
        if self._claims is None or self._claim is None or self._body is None:
            return
        content = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
        response = StoredResponse(
            status, {"content-type": "application/json"} | (headers or {}), to_json(content), await self._body.digest(),
        )
        if not await self._claims.complete(tx, self._claim, response):
            raise ServiceUnavailable(
                "This request took too long and another one with the same Idempotency-Key replaced it.",
                code="idempotency_claim_lost",
                suggested_fix="Repeat the request with the same Idempotency-Key.",
            )
        self.stored = True

    async def answer(
        self, tx: AsyncConnection, document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
    ) -> JsonResponse:
        """Store the answer and return it."""
        await self.store(tx, status, document, headers)
        return JsonResponse(document, status, headers)

    def answering(
        self,
        present: Callable[[Any], dict[str, Any]],
        status: int = 200,
        location: Callable[[Any], str] | None = None,
    ) -> Callable[[AsyncConnection, Any], Awaitable[JsonResponse]]:
        """The end of a use case that opens its transactions itself: called last in the one of its effect."""

        async def finish(tx: AsyncConnection, result: Any) -> JsonResponse:
            document = present(result)
            headers = {"location": location(document["id"])} if location else {}
            return await self.answer(tx, document, status, headers)

        return finish


def idempotency_record(request: Request) -> IdempotencyRecord:
    found = request.scope.get("state", {}).get("idempotency")
    record = found if isinstance(found, IdempotencyRecord) else IdempotencyRecord()
    record.trail = trail_of(request.scope)
    return record


WithRecord = Annotated[IdempotencyRecord, Depends(idempotency_record)]
