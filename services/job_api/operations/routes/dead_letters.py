"""Messages that no consumer could take: look at them, replay them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Admin
from services.job_api.edge.methods import only
from services.job_api.edge.responses import JsonResponse, page
from services.job_api.operations import presenter
from services.job_api.operations.schemas import DeadLetterList, DeadLetterView, Replayed
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/dead-letters", tags=["dead letters"])

Sequence = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", response_model=DeadLetterList)
async def list_dead_letters(
    principal: Admin, deps: WithDependencies, limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> JsonResponse:
    """Oldest first. The workspace that runs this installation sees all, others only what is about their jobs."""
    found = await deps.dead_letters.page(principal.workspace_id, limit=limit + 1, after=after)
    more = found[limit - 1].sequence if len(found) > limit else None
    return JsonResponse(page([presenter.dead_letter(message) for message in found[:limit]], more))


@router.post("/replay-all", response_model=Replayed)
async def replay_all(principal: Admin, deps: WithDependencies) -> JsonResponse:
    """Replay every dead letter there is now."""
    return JsonResponse(presenter.replayed(*await deps.dead_letters.replay_all(principal.workspace_id)))


only(router, "/replay-all", "POST")


@router.get("/{sequence}", response_model=DeadLetterView)
async def show_dead_letter(sequence: Sequence, principal: Admin, deps: WithDependencies) -> JsonResponse:
    """One message with the reason why it was given up."""
    return JsonResponse(presenter.dead_letter(await deps.dead_letters.show(principal.workspace_id, sequence)))


@router.post("/{sequence}/replay", response_model=Replayed)
async def replay_dead_letter(sequence: Sequence, principal: Admin, deps: WithDependencies) -> JsonResponse:
    """Publish the message again, byte for byte; consumers that took it before do nothing."""
    replayed = await deps.dead_letters.replay(principal.workspace_id, sequence)
    return JsonResponse(presenter.replayed([replayed.sequence], []))
