"""Row-level security as migrations make it: frozen, like the DDL of a released migration.

What changes gets a new function. The setting is named by the transaction (`chassis.database.scoped_connection`).
"""

from typing import Any

SETTING = "brightrun.workspace"
# Evaluated once for a statement, not for each row. Unset, and empty after a SET LOCAL, are both nobody.
WORKSPACE = f"(SELECT NULLIF(current_setting('{SETTING}', true), '')::uuid)"


def protect(op: Any, table: str, condition: str = f"workspace_id = {WORKSPACE}") -> None:
    """A row is there for who works in its workspace, and for the owner of the table (`op`: alembic operations)."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY one_workspace ON {table} USING ({condition})")
    op.execute(f"CREATE POLICY every_workspace ON {table} TO CURRENT_USER USING (true)")


def seen_through(table: str, column: str, parent: str, key: str) -> str:
    """The condition of a table without a column for the workspace: its parent's row is there for the same one."""
    return f"EXISTS (SELECT FROM {parent} AS parent WHERE parent.{key} = {table}.{column})"


def named_or_seen_through(table: str, column: str, parent: str, key: str, setting: str, kind: str) -> str:
    """`seen_through`, cheap for the rows of one parent, whose key the session has put into `setting`: it is looked up
    once for a statement - within the workspace, so that a wrong name shows nothing more. Without it as before."""
    wanted = f"(SELECT NULLIF(current_setting('{setting}', true), '')::{kind})"
    named = f"(SELECT {key} FROM {parent} AS named WHERE named.{key} = {wanted})"  # noqa: S608  our names
    return f"{table}.{column} = {named} OR {seen_through(table, column, parent, key)}"
