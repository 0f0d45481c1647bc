"""A small cluster with two databases that know each other's rows, buckets, and keys: an installation to back up."""

import shutil
from pathlib import Path

from obstore.store import LocalStore

from ops.backup.installation import Installation
from ops.backup.postgres import Postgres
from ops.backup.repository import Repository, open_repository
from ops.backup.settings import BackupSettings
from stack.parts import PostgresPart

PASSWORD = "a password of a test"
DATABASES = ("job_api", "cost_guard")


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.server = PostgresPart(self.data / "pg", password=PASSWORD)
        self.buckets = {"model-artifacts": LocalStore(str(self.data / "s3" / "model-artifacts"), mkdir=True)}

    def start(self) -> None:
        self.server.start()
        for name in DATABASES:
            self.server.create_database(name)
            self.server.sql("CREATE TABLE t (n int); CREATE TABLE alembic_version (version_num text);"
                            "INSERT INTO alembic_version VALUES ('0001')", name)
        (self.data / "secrets.json").write_text('{"postgres": "a secret"}')

    def add(self, number: int) -> None:
        """A row in each database, and the object that it names, which is there first."""
        (self.data / "s3" / "model-artifacts" / f"{number}").write_bytes(b"adapter %d" % number)
        for name in DATABASES:
            self.server.sql(f"INSERT INTO t VALUES ({number})", name)

    def rows(self, server: PostgresPart | None = None) -> dict[str, str]:
        return {name: (server or self.server).sql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM t", name)
                for name in DATABASES}

    def objects(self, data: Path | None = None) -> dict[str, bytes]:
        folder = (data or self.data) / "s3" / "model-artifacts"
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    @property
    def installation(self) -> Installation:
        postgres = Postgres("127.0.0.1", self.server.port, "postgres", PASSWORD)
        return Installation(postgres, self.buckets, self.data, ("secrets.json",))

    def settings(self, **more: object) -> BackupSettings:
        given = {"backup_to": str(self.folder / "backups"), "data_dir": self.data} | more
        return BackupSettings(**given)  # type: ignore[arg-type]

    def repository(self, **more: object) -> Repository:
        return open_repository(self.settings(**more), create=True)

    def destroy(self) -> None:
        self.server.kill()
        shutil.rmtree(self.data)

    def restored(self, data: Path) -> PostgresPart:
        server = PostgresPart(data / "pg", password=PASSWORD)
        server.start()
        return server


