"""Messages that no consumer could take: look at them, replay them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.job_api import presenters
from services.job_api.schemas.administration import DeadLetterList, DeadLetterView, Replayed
from services.job_api.usecases import dead_letters
from services.job_api.wiring import Admin, JsonResponse, WithParts

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])

Sequence = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", response_model=DeadLetterList)
async def list_dead_letters(
    principal: Admin, parts: WithParts, limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> JsonResponse:
    """Oldest first. The workspace that runs this installation sees all, others only what is about their jobs."""
    letters = await dead_letters.page(parts.database, parts.dead_letters, principal, limit=limit + 1, after=after)
    more = letters[limit - 1].sequence if len(letters) > limit else None
    return JsonResponse(presenters.page([presenters.dead_letter(letter) for letter in letters[:limit]], more))


@router.post("/replay-all", response_model=Replayed)
async def replay_all(principal: Admin, parts: WithParts) -> JsonResponse:
    """Replay every dead letter there is now."""
    return JsonResponse(await dead_letters.replay_all(parts.database, parts.dead_letters, principal))


@router.get("/{sequence}", response_model=DeadLetterView)
async def show_dead_letter(sequence: Sequence, principal: Admin, parts: WithParts) -> JsonResponse:
    """One message with the reason why it was given up."""
    letter = await dead_letters.show(parts.database, parts.dead_letters, principal, sequence)
    return JsonResponse(presenters.dead_letter(letter))


@router.post("/{sequence}/replay", response_model=Replayed)
async def replay_dead_letter(sequence: Sequence, principal: Admin, parts: WithParts) -> JsonResponse:
    """Publish the message again, byte for byte; consumers that took it before do nothing."""
    letter = await dead_letters.show(parts.database, parts.dead_letters, principal, sequence)
    await parts.dead_letters.replay(letter.sequence)
    return JsonResponse({"object": "replay", "replayed": [letter.sequence], "failed": []})
