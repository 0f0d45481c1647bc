"""Settings: one address for each section, and what an invitation's link opens."""

from fastapi import APIRouter

from services.dashboard.routes.settings import account, api_keys, audit, invitation, members, money, notifications

router = APIRouter()
for _section in (account, api_keys, members, invitation, notifications, money, audit):
    router.include_router(_section.router)
