"""Who did what: the workspace's entries for its owners, everybody's for whoever runs the installation."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from services.job_api.accounts import repository as accounts
from services.job_api.accounts.errors import OperatorOnly
from services.job_api.audit import presenter
from services.job_api.audit.exports import export_csv
from services.job_api.audit.repository import AuditFilter, read_page
from services.job_api.audit.schemas import AuditList, AuditQuery
from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import BudgetHolder, Principal, Role
from services.job_api.edge.responses import INVALID_CURSOR, JsonResponse, page
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["audit"])


@router.get("/audit", response_model=AuditList, responses=INVALID_CURSOR | {200: {"content": {"text/csv": {}}}})
async def list_audit_entries(
    query: Annotated[AuditQuery, Query()], principal: BudgetHolder, deps: WithDependencies
) -> Response:
    """Who did what, on what, from where and with which outcome, the newest first (owners and admins)."""
    criteria = await _criteria(query, principal, deps)
    if query.format == "csv":
        headers = {"content-disposition": 'attachment; filename="audit.csv"', "cache-control": "no-store"}
        return StreamingResponse(export_csv(deps.database, criteria), media_type="text/csv", headers=headers)
    found = await read_page(deps.database, criteria, limit=query.limit, after=query.after)
    async with deps.database.read() as tx:
        emails = await accounts.emails_of(tx, {row["actor"] for row in found.rows})
    return JsonResponse(page(presenter.entries(found.rows, emails), found.next_cursor))


async def _criteria(query: AuditQuery, principal: Principal, deps: Dependencies) -> AuditFilter:
    """Raises OperatorOnly."""
    everything = query.scope == "installation"
    if everything and not principal.has_any(Role.ADMIN):
        raise OperatorOnly
    if everything:
        await deps.operators.require(principal.workspace_id)
    return AuditFilter(
        None if everything else principal.workspace_id, query.operation, query.outcome, actor=query.actor,
        credential=query.credential, target_kind=query.target_kind, target_id=query.target_id, address=query.address,
        at_or_after=query.at_or_after, before=query.before)
