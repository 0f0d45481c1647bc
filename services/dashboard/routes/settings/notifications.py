"""Of what the workspace is told, by which channels, and a message to try them."""

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import Response

from services.dashboard.api import attempt
from services.dashboard.routes.settings.sections import after, section_page
from services.dashboard.visit import Form, SignedIn, Visit

router = APIRouter(prefix="/settings/notifications")
_HERE = "/settings/notifications"


@router.get("")
def show_notifications(visit: SignedIn) -> Response:
    return notifications_page(visit)


def notifications_page(visit: Visit, **told: Any) -> Response:
    found = attempt(visit.client.notifications)
    return section_page(visit, "settings/notifications.html", {"found": found}, **told)


@router.post("")
def save_notifications(visit: SignedIn, form: Form) -> Response:
    act = partial(visit.client.set_notifications, _chosen(form))
    return after(visit, act, _HERE, "saved", partial(notifications_page, visit))


@router.post("/test")
def send_test(visit: SignedIn, form: Form) -> Response:
    return after(visit, visit.client.send_test_notification, _HERE, "test-sent", partial(notifications_page, visit))


def _chosen(form: FormData) -> dict[str, list[str]]:
    """By happening: every one that the form showed, with the channels that are ticked."""
    def texts(name: str) -> list[str]:
        return [value for value in form.getlist(name) if isinstance(value, str)]

    return {event: texts(f"channel-{event}") for event in texts("event")}
