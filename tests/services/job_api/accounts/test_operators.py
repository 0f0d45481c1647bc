"""Who runs the installation is said explicitly: by bootstrap or by a setting, never by being first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.engine import Database
from chassis.database.migrate import upgrade
from services.job_api.accounts import repository
from services.job_api.accounts.application.operators import Operators
from services.job_api.accounts.errors import OperatorOnly
from services.job_api.bootstrap import bootstrap
from services.job_api.tables import workspaces


async def add_workspace(database: Database, workspace_id: UUID | None = None) -> UUID:
    """As the first token of a tenant does."""
    found = workspace_id or uuid4()
    async with database.transaction() as tx:
        await repository.ensure_workspace(tx, found, "Tenant")
    return found


async def test_the_first_tenant_of_an_installation_is_not_its_operator(fresh_database) -> None:
    database = await fresh_database("services.job_api")
    tenant = await add_workspace(database)
    operators = Operators(database)
    assert not await operators.include(tenant)
    with pytest.raises(OperatorOnly):
        await operators.require(tenant)


async def test_the_setting_names_operators(fresh_database) -> None:
    database = await fresh_database("services.job_api")
    tenant, other = await add_workspace(database), await add_workspace(database)
    operators = Operators(database, frozenset({tenant}))
    await operators.require(tenant)
    assert not await operators.include(other)


async def test_bootstrap_makes_a_workspace_of_its_own_beside_those_of_tenants(fresh_database, tmp_path) -> None:
    database = await fresh_database("services.job_api")
    tenant = await add_workspace(database)
    made = await bootstrap(database, tmp_path / "credentials.json", "http://one")
    assert UUID(made["workspace_id"]) != tenant
    operators = Operators(database)
    assert await operators.include(UUID(made["workspace_id"]))
    assert not await operators.include(tenant)
    (tmp_path / "credentials.json").unlink()
    again = await bootstrap(database, tmp_path / "credentials.json", "http://one")
    assert again["workspace_id"] == made["workspace_id"]
    async with database.read() as tx:
        assert len((await tx.execute(select(workspaces.c.id))).all()) == 2


async def test_a_key_in_the_credentials_file_makes_no_workspace_the_operator(fresh_database, tmp_path) -> None:
    """Whoever can have a key of theirs put there must not get more than it."""
    database = await fresh_database("services.job_api")
    path = tmp_path / "credentials.json"
    made = await bootstrap(database, path, "http://one")
    async with database.transaction() as tx:
        await tx.execute(workspaces.update().values(is_operator=False))
    assert await bootstrap(database, path, "http://one") == made
    assert not await Operators(database).include(UUID(made["workspace_id"]))


class Older:
    """A database as a release before left it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def run(self, statement: str, **values: Any) -> None:
        await self.connection.execute(text(statement), values)

    async def add_key(self, workspace: UUID, user: UUID, *, name: str, by: str) -> None:
        await self.run("INSERT INTO memberships (workspace_id, user_id, roles) VALUES (:w, :u, '{admin}')",
                       w=workspace, u=user)
        await self.run("INSERT INTO api_keys (id, workspace_id, user_id, name, prefix, sha256, created_by)"
                       " VALUES (:id, :w, :u, :name, :prefix, '', :by)",
                       id=uuid4(), w=workspace, u=user, name=name, prefix=str(uuid4()), by=by)


async def test_a_workspace_that_bootstrap_made_before_stays_the_operator(new_empty_database) -> None:
    url = new_empty_database()
    await upgrade("services.job_api", url, "0003")
    made, tenant, forger, user = uuid4(), uuid4(), uuid4(), uuid4()
    engine = create_async_engine(url)
    async with engine.begin() as connection:  # the oldest one
        await Older(connection).run("INSERT INTO workspaces (id, name) VALUES (:id, 'Tenant')", id=tenant)
    async with engine.begin() as connection:  # bootstrap: everything in one transaction
        older = Older(connection)
        await older.run("INSERT INTO workspaces (id, name) VALUES (:id, 'Default workspace')", id=made)
        await older.run("INSERT INTO users (id, email) VALUES (:id, 'admin@localhost')", id=user)
        await older.add_key(made, user, name="bootstrap", by=str(user))
    async with engine.begin() as connection:
        await Older(connection).run("INSERT INTO workspaces (id, name) VALUES (:id, 'Forger')", id=forger)
    async with engine.begin() as connection:  # a tenant can imitate all but the moment
        await Older(connection).add_key(forger, user, name="bootstrap", by=str(user))
    await upgrade("services.job_api", url)
    async with engine.begin() as connection:
        operators = (await connection.execute(select(workspaces.c.id).where(workspaces.c.is_operator))).scalars().all()
    await engine.dispose()
    assert operators == [made]


async def test_a_caller_sees_whether_it_is_the_operator_s(api) -> None:
    assert (await api.client.get("/me")).json()["is_operator"] is True
    stranger = await api.member("admin", workspace_id=uuid4())
    assert (await stranger.get("/me")).json()["is_operator"] is False


async def test_an_older_tenant_neither_sets_rates_nor_reads_everybodys_dead_letters(api) -> None:
    tenant = await api.member("admin", workspace_id=uuid4())
    async with api.database.transaction() as tx:
        await tx.execute(workspaces.update().where(workspaces.c.is_operator.is_(False)).values(
            created_at=workspaces.c.created_at - timedelta(days=1)))
    rate = {"gpu_type": "local", "gpu_pricing_tier": "spot", "per_hour": 0.2}
    refused = await tenant.put("/rates", json=rate)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await tenant.get("/dead-letters")).json()["data"] == []
    assert (await api.client.put("/rates", json=rate)).status_code == 200
