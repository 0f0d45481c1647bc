"""Callers with tokens of an identity provider come from workspaces we have not seen before."""

from uuid import UUID

import httpx

from chassis.clock import Clock
from chassis.database.engine import Database
from chassis.database.scope import one_workspace
from services.job_api.accounts import repository
from services.job_api.edge.auth import Principal, TokenVerifier
from services.job_api.edge.auth.settings import JwtSettings


class WorkspaceRegistrar(TokenVerifier):
    """A token verifier that makes the workspace of a valid token known before its first row refers to it."""

    def __init__(self, settings: JwtSettings, http: httpx.AsyncClient, clock: Clock, database: Database) -> None:
        super().__init__(settings, http, clock)
        self._database = database
        self._known: set[UUID] = set()

    async def principal(self, token: str) -> Principal | None:
        principal = await super().principal(token)
        if principal is not None and principal.workspace_id not in self._known:
            with one_workspace(principal.workspace_id):
                async with self._database.transaction() as tx:
                    await repository.ensure_workspace(
                        tx, principal.workspace_id, f"Workspace {principal.workspace_id}")
            self._known.add(principal.workspace_id)
        return principal
