"""Row-level security: the second wall behind the workspace filter of every statement.

The tables belong to a service's own role, which migrates them and works over all workspaces (`every_workspace`).
Requests come in by a second role, `<owner>_tenant`, that owns nothing and sees the rows of the workspace that its
transaction names. No statement takes it from one role to the other: they are two logins.

The policies are those of `chassis.database.row_policies`; this is who may do what.
"""

TENANT_SUFFIX = "_tenant"

# What the tenant role may do where it is not everything: it writes events and reads nobody's, adds to the audit log and
# changes nothing of it, and has no business with sign-ins under way, which are of no workspace yet.
_NARROWER = {"outbox": "INSERT", "alembic_version": "SELECT", "audit_entries": "SELECT, INSERT", "sign_ins": ""}

_GRANTS = """
DO $grants$
DECLARE
    tenant text := current_user || '{suffix}';
    known record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = tenant) THEN
        RETURN;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), tenant);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', tenant);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %I', tenant);
    FOR known IN
        SELECT c.relname AS name, CASE c.relname {narrower} ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS privileges
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        CONTINUE WHEN known.privileges = '';
        EXECUTE format('GRANT %s ON TABLE public.%I TO %I', known.privileges, known.name, tenant);
    END LOOP;
END
$grants$
"""


def grants() -> str:
    """A statement of the owner, after each migration: what its tenant role may do, where there is one."""
    cases = " ".join(f"WHEN '{table}' THEN '{privileges}'" for table, privileges in _NARROWER.items())
    return _GRANTS.format(suffix=TENANT_SUFFIX, narrower=cases)
