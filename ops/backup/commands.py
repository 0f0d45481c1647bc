"""What the commands do, and say."""

from __future__ import annotations

import argparse
import json
import tarfile
from pathlib import Path

from prometheus_client import CollectorRegistry

from ops.backup import installation, manifest, verify
from ops.backup.create import BackupMaker
from ops.backup.encryption import new_key
from ops.backup.errors import BackupError
from ops.backup.manifest import Manifest
from ops.backup.metrics import BackupMetrics
from ops.backup.prune import prune
from ops.backup.repository import open_repository
from ops.backup.restore import WAL_FOLDER, Restore, refuse_unless_empty
from ops.backup.settings import BackupSettings
from ops.backup.target import Target

_STOP_S = 8.0


def create(_: argparse.Namespace, settings: BackupSettings) -> None:
    repository = open_repository(settings, create=True)
    found = installation.installation_of(settings)
    made = BackupMaker(found, repository, settings.work_dir, report=_say).create()
    metrics = BackupMetrics(CollectorRegistry())
    metrics.succeeded(made)
    metrics.shipped.set(made.began_at.timestamp())
    metrics.write_textfile(settings.work_dir)
    seconds = (made.finished_at - made.began_at).total_seconds()
    print(f"Backup {made.id} in {repository.place}: {_megabytes(made.size)}, {made.objects} objects, {seconds:.1f} s.")
    if not made.encrypted_for:
        print("It is not encrypted and holds passwords and keys: nobody else may read it "
              "(BRIGHTRUN_BACKUP_RECIPIENTS encrypts).")


def watch(_: argparse.Namespace, settings: BackupSettings) -> None:
    from chassis.web.server import serve
    from ops.backup.watch import Watch, watch_app

    repository, registry = open_repository(settings, create=True), CollectorRegistry()
    found = Watch(settings, installation.installation_of(settings), repository, registry)
    serve(watch_app(found, registry, _STOP_S), settings)


def show(options: argparse.Namespace, settings: BackupSettings) -> None:
    repository = open_repository(settings, create=False)
    found = [(each, verify.reaches_until(repository, each)) for each in manifest.all_manifests(repository)]
    if options.json:
        print(json.dumps([each.model_dump(mode="json", exclude={"wal"}) | {"reaches_until": until.isoformat()}
                          for each, until in found], indent=1))
        return
    if not found:
        print(f"There is no backup in {repository.place}.")
    for each, until in found:
        print(f"{each.id}  made {each.finished_at:%Y-%m-%d %H:%M:%S}, reaches until {until:%Y-%m-%d %H:%M:%S} UTC  "
              f"{_megabytes(each.size)}, {each.objects} objects{', encrypted' if each.encrypted_for else ''}")


def check(options: argparse.Namespace, settings: BackupSettings) -> None:
    repository = open_repository(settings, create=False)
    each = manifest.find(repository, options.backup)
    found = verify.verify(repository, each)
    print(f"Backup {each.id} is whole: {found.files} files, {_megabytes(found.bytes)}; reaches until "
          f"{found.reaches_until:%Y-%m-%d %H:%M:%S} UTC.")


def restore(options: argparse.Namespace, settings: BackupSettings) -> None:
    if options.until and options.only_backup:
        raise BackupError("--until and --only-backup exclude each other.", "Give one of them.")
    repository = open_repository(settings, create=False)
    each = manifest.find(repository, options.backup)
    restoring = Restore(repository, each, Target(options.until, options.only_backup), _say)
    if options.postgres_dir:
        _prepare_servers(restoring, each, options, settings)
        return
    from ops.backup import embedded  # needs the stack, which no image has

    data = settings.data_dir.resolve()
    _make_way(data)
    done = restoring.into(data, embedded.local_buckets(data))
    state_of = f"{done.state_of:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in done.seconds.items())
    print(f"Restored {done.backup} into {data}, as of {state_of} UTC: {done.objects} objects ({took}).")
    print("`make up` starts it. The broker is empty: the outboxes refill it.")


def _make_way(data: Path) -> None:
    """Raises BackupError where an installation is, running or not."""
    from ops.backup import embedded
    from stack.layout import Layout

    if embedded.is_running(data):
        raise BackupError(f"The installation in {data} is running.", "A restore goes into an empty place.")
    refuse_unless_empty(data)
    Layout(data).make_folders()


def _prepare_servers(
    restoring: Restore, each: Manifest, options: argparse.Namespace, settings: BackupSettings
) -> None:
    """Files for servers that somebody else starts (compose)."""
    if options.postgres_dir.exists() and any(options.postgres_dir.iterdir()):
        raise BackupError(f"{options.postgres_dir} is not empty.", "A restore goes into an empty place.")
    if not options.files_to:
        raise BackupError("--postgres-dir needs --files-to.", "Name a folder for the kept files.")
    restoring.check_schemas()
    if options.postgres_dir.exists():
        options.postgres_dir.rmdir()
    restoring.cluster_files(options.postgres_dir)
    recovery = restoring.target.settings(Path(WAL_FOLDER), each.cluster.restore_point)
    with (options.postgres_dir / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in recovery.items())
    count = restoring.objects(installation.buckets_of(settings))
    keys: tarfile.TarFile = restoring.keys()
    keys.extractall(options.files_to, filter="data")
    print(f"{options.postgres_dir} recovers when PostgreSQL starts over it; {count} objects are in the buckets; the "
          f"kept files are in {options.files_to}.")


def remove_old(_: argparse.Namespace, settings: BackupSettings) -> None:
    repository = open_repository(settings, create=False)
    gone = prune(repository, settings.backup_keep_days, settings.backup_keep_weeks)
    print(f"Removed {len(gone)}: {', '.join(gone)}." if gone else "Nothing is past its time.")


def make_key(options: argparse.Namespace, _: BackupSettings) -> None:
    public = new_key(options.file)
    print(f"Secret key in {options.file}: keep it away from the server; without it no backup can be read.\n"
          f"BRIGHTRUN_BACKUP_RECIPIENTS={public}")


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
