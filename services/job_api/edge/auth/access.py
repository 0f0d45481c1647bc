"""Who may do what; admins may do everything in their workspace."""

from typing import Annotated

from fastapi import Depends

from services.job_api.callers import Caller
from services.job_api.edge.auth.authenticator import require
from services.job_api.edge.auth.principal import Principal, Role

READERS = (Role.ENGINEER, Role.ANALYST, Role.OWNER)

AnyMember = Annotated[Principal, Depends(require())]
Reader = Annotated[Principal, Depends(require(*READERS))]
Downloader = Annotated[Principal, Depends(require(Role.ENGINEER, Role.ANALYST))]
Engineer = Annotated[Principal, Depends(require(Role.ENGINEER))]
BudgetHolder = Annotated[Principal, Depends(require(Role.OWNER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


def caller(principal: Principal) -> Caller:
    return Caller(principal.subject, principal.workspace_id)
