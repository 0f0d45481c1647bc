"""Of what the workspace is told by Slack and e-mail, and a message to try it."""

from fastapi import APIRouter

from contracts.rpc import notifications as rpc
from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import BudgetHolder, Principal, Reader, Role
from services.job_api.edge.responses import JsonResponse
from services.job_api.notifications import presenter
from services.job_api.notifications.errors import NoChannel
from services.job_api.notifications.schemas import NotificationsView, SetNotifications, TestMessageView
from services.job_api.paths import PREFIX

router = APIRouter(prefix=f"{PREFIX}/notifications", tags=["notifications"])


@router.get("", response_model=NotificationsView)
async def read_notifications(principal: Reader, deps: WithDependencies) -> JsonResponse:
    """Which happenings are told by which channel, and what was told lately."""
    query = rpc.PreferencesQuery(workspace_id=principal.workspace_id)
    return _shown(await deps.rpc.request(rpc.PREFERENCES, query), principal)


@router.put("", response_model=NotificationsView)
async def set_notifications(body: SetNotifications, principal: BudgetHolder, deps: WithDependencies) -> JsonResponse:
    """Choose the channels of some happenings, for the whole workspace (owners and admins)."""
    wanted = tuple(rpc.WantedChannels(happening=each.event, channels=tuple(each.channels)) for each in body.events)
    command = rpc.SetPreferences(workspace_id=principal.workspace_id, wanted=wanted, changed_by=principal.subject)
    return _shown(await deps.rpc.request(rpc.SET_PREFERENCES, command), principal)


@router.post("/test", response_model=TestMessageView, responses={409: {"description": "No channel is set up"}})
async def send_test_notification(principal: BudgetHolder, deps: WithDependencies) -> JsonResponse:
    """Send a message over every channel that is set up; asked again within the minute it is the same message (owners
    and admins)."""
    sent = await deps.rpc.request(rpc.SEND_TEST, rpc.SendTest(workspace_id=principal.workspace_id))
    if not sent.channels:
        raise NoChannel
    return JsonResponse({"object": "test_message", "channels": list(sent.channels)})


def _shown(found: rpc.Preferences, principal: Principal) -> JsonResponse:
    return JsonResponse(presenter.notifications(found, may_edit=principal.has_any(Role.OWNER)))
