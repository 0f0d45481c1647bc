"""The operator's workspace, its admin and an API key: `python -m services.job_api.bootstrap --out PATH [--url URL]`.

Does nothing when the file's key works. When only the file was lost, a new key is made and the old one stays valid.
"""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from chassis.clock import SystemClock
from chassis.database.engine import Database
from services.job_api.accounts.application.bootstrap import make_operator_key
from services.job_api.accounts.repository import ApiKeyTable
from services.job_api.edge.auth.api_keys import ApiKeys
from services.job_api.settings import Settings


async def bootstrap(database: Database, path: Path, url: str) -> dict[str, Any]:
    """What the file holds afterwards: url, workspace_id, workspace_name, user_id, email, api_key."""
    known = _read(path)
    key = str(known.get("api_key", ""))
    if key and await ApiKeys(ApiKeyTable(database), SystemClock()).principal(key):
        credentials = known | {"url": url}
    else:
        async with database.transaction() as tx:
            credentials = await make_operator_key(tx) | {"url": url}
    if credentials != known:
        _write(path, credentials)
    os.chmod(path, 0o600)
    return credentials


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, credentials: dict[str, Any]) -> None:
    """All or nothing, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(credentials, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def _main() -> None:
    parser = argparse.ArgumentParser(description="Make the first workspace, an admin and an API key.")
    parser.add_argument("--out", type=Path, required=True, help="the credentials file (JSON, mode 0600)")
    parser.add_argument("--url", default="", help="the API's address, written into the file")
    arguments = parser.parse_args()
    settings = Settings()
    database = Database(settings.database_url, pool_size=1)
    try:
        url = arguments.url or f"http://{settings.http_host}:{settings.http_port}"
        credentials = await bootstrap(database, arguments.out, url)
    finally:
        await database.dispose()
    print(f"{arguments.out}: workspace {credentials['workspace_name']!r}, {credentials['email']}")


if __name__ == "__main__":
    asyncio.run(_main())
