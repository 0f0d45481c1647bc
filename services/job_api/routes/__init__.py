"""Every route of /api/training: translate, call, translate back."""

from fastapi import APIRouter

from services.job_api.artifacts import router as artifacts
from services.job_api.files import router as files
from services.job_api.routes import (
    accounts,
    costs,
    dead_letters,
    job_actions,
    job_history,
    job_insight,
    jobs,
    webhook,
)

PREFIX = "/api/training"

ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    job_actions.router,
    job_history.router,
    job_insight.router,
    costs.router,
    accounts.router,
    dead_letters.router,
    webhook.router,
    files.router,
    artifacts.router,
)
