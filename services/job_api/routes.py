"""Every route of /api/training, in the order in which they are documented and searched: what is read most is first."""

from fastapi import APIRouter, FastAPI

from services.job_api.accounts.routes import router as accounts
from services.job_api.analytics.routes import router as analytics
from services.job_api.artifacts.routes import router as artifacts
from services.job_api.audit.routes import router as audit
from services.job_api.comparisons.routes import router as comparisons
from services.job_api.costs.routes import router as costs
from services.job_api.diagnosis.routes import router as diagnosis
from services.job_api.edge.bodies import LARGEST_WEBHOOK
from services.job_api.files.routes import router as files
from services.job_api.invitations.routes import ACCEPT, PREVIEW
from services.job_api.invitations.routes import router as invitations
from services.job_api.jobs.routes import actions, bulk, filters, history, insight, jobs, queue, steering
from services.job_api.notifications.routes import router as notifications
from services.job_api.operations.routes import dead_letters, overview, status
from services.job_api.paths import PREFIX
from services.job_api.signin.routes import TOKEN
from services.job_api.signin.routes import router as signin
from services.job_api.templates.routes import router as templates
from services.job_api.webhook.routes import deliveries, secrets

# Uploads are counted while they are written to disk (files.receive); all other bodies are small.
BODY_LIMITS: dict[str, int | None] = {
    f"{PREFIX}/files": None, f"{PREFIX}/files/validate": None, f"{PREFIX}/webhook": LARGEST_WEBHOOK,
}
# Callers that show no credentials: their bodies say who they are, by a signature, a sign-in's code or an
# invitation.
SIGNED = frozenset({f"{PREFIX}/webhook", TOKEN, PREVIEW, ACCEPT})

_ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    costs,
    bulk.router,
    actions.router,
    steering.router,
    queue.router,
    filters.router,
    history.router,
    insight.router,
    templates,
    comparisons,
    analytics,
    invitations,
    accounts,
    notifications,
    signin,
    audit,
    dead_letters.router,
    status.router,
    overview.router,
    deliveries.router,
    secrets.router,
    files,
    artifacts,
    diagnosis,
)


def install(app: FastAPI) -> None:
    """The routes themselves become the app's: an included router would be searched twice for each request, and what
    it contains is not known by its whole path, which metrics and logs name."""
    for router in _ROUTERS:
        app.router.routes.extend(router.routes)
