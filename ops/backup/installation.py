"""What is backed up: a cluster, buckets, and the folders of keys without which neither is of use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from obstore.store import S3Store

from contracts.buckets import BUCKETS
from ops.backup.errors import BackupError
from ops.backup.postgres import Postgres
from ops.backup.settings import BackupSettings


@dataclass(frozen=True)
class Installation:
    """`files`: what is kept below `root`, files and folders. `buckets`: stores by name."""

    postgres: Postgres
    buckets: dict[str, Any] = field(repr=False)
    root: Path
    files: tuple[str, ...]


def installation_of(settings: BackupSettings) -> Installation:
    """That of `make up`, or what BRIGHTRUN_BACKUP_DATABASE_URL and BRIGHTRUN_S3_* name. Raises BackupError."""
    if not settings.backup_database_url:
        from ops.backup.embedded import embedded  # needs the stack, which no image has

        return embedded(settings.data_dir.resolve())
    folders = [Path(text).resolve() for text in settings.backup_files.split(":") if text]
    if missing := [str(path) for path in folders if not path.exists()]:
        raise BackupError(f"BRIGHTRUN_BACKUP_FILES names what is not there: {', '.join(missing)}.", "Correct it.")
    files = tuple(str(path.relative_to("/")) for path in folders)
    return Installation(Postgres.of(settings.backup_database_url), buckets_of(settings), Path("/"), files)


def buckets_of(settings: BackupSettings) -> dict[str, Any]:
    endpoint = settings.s3_endpoint
    client: dict[str, Any] = {
        "allow_http": endpoint.startswith("http://"), "connect_timeout": "5s", "timeout": "1h"}
    if settings.s3_tls_ca:
        client["root_certificate"] = Path(settings.s3_tls_ca).read_text()
    options: dict[str, Any] = {"client_options": client}
    return {name: S3Store(
        name, endpoint=endpoint, region=settings.s3_region, access_key_id=settings.s3_access_key,
        secret_access_key=settings.s3_secret_key.get_secret_value(), virtual_hosted_style_request=False, **options)
        for name in BUCKETS}


def product_version() -> str:
    """That of the checkout; images have it as a label, and the client's package as metadata."""
    import tomllib
    from importlib.metadata import PackageNotFoundError, version

    path = Path(__file__).parents[2] / "pyproject.toml"
    if path.exists():
        return str(tomllib.loads(path.read_text())["project"]["version"])
    try:
        return version("brightrun")
    except PackageNotFoundError:
        return "unknown"


def newest_migrations() -> dict[str, str]:
    """Database -> the newest migration that this version knows."""
    services = Path(__file__).parents[2] / "services"
    return {folder.parent.name: max(path.name[:4] for path in (folder / "versions").glob("0*.py"))
            for folder in services.glob("*/migrations")}
