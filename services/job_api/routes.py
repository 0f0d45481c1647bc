"""Every route of /api/training, in the order in which they are documented."""

from fastapi import APIRouter

from services.job_api.accounts.routes import router as accounts
from services.job_api.artifacts.routes import router as artifacts
from services.job_api.costs.routes import router as costs
from services.job_api.files.routes import router as files
from services.job_api.jobs.routes import actions, history, insight, jobs
from services.job_api.operations.routes import router as dead_letters
from services.job_api.webhook.routes import router as webhook

PREFIX = "/api/training"

ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    actions.router,
    history.router,
    insight.router,
    costs,
    accounts,
    dead_letters,
    webhook,
    files,
    artifacts,
)
