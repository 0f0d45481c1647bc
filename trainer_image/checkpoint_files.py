"""A checkpoint's files in the storage: large ones in parts, and a manifest that says how they fit together."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.events import CheckpointFile, CheckpointManifest, JoinedFile
from trainer_image.objects import ObjectDamaged, Objects, Slice, file_sha256


@dataclass(frozen=True)
class UploadedFiles:
    """`files`: every object; `joined`: which of them are parts of one file."""

    files: tuple[CheckpointFile, ...]
    joined: tuple[JoinedFile, ...]


def upload(objects: Objects, prefix: str, folder: Path, part_bytes: int) -> UploadedFiles:
    """All files of a folder. Raises NetworkLost, StorageFailed."""
    files: list[CheckpointFile] = []
    joined: list[JoinedFile] = []
    for path in sorted(folder.iterdir()):
        parts = [_upload_slice(objects, prefix, name, part) for name, part in _slices(path, part_bytes)]
        files += parts
        if len(parts) > 1:
            joined.append(JoinedFile(path=path.name, parts=tuple(part.path for part in parts),
                                     size_bytes=path.stat().st_size, sha256=file_sha256(path)))
    return UploadedFiles(tuple(files), tuple(joined))


def _slices(path: Path, part_bytes: int) -> Iterator[tuple[str, Slice]]:
    """Name and stretch of each object. The names of parts hold a slash: a trainer that does not know of parts refuses
    such a checkpoint instead of going on without its optimizer."""
    size = path.stat().st_size
    if size <= part_bytes:
        yield path.name, Slice(path, 0, size)
        return
    for number, offset in enumerate(range(0, size, part_bytes), start=1):
        yield f"{path.name}/part-{number:04d}", Slice(path, offset, min(part_bytes, size - offset))


def _upload_slice(objects: Objects, prefix: str, name: str, part: Slice) -> CheckpointFile:
    stored = objects.put_slice("checkpoints", f"{prefix}/{name}", part)
    return CheckpointFile(path=name, key=stored.key, size_bytes=stored.size_bytes, sha256=stored.sha256)


def download(objects: Objects, prefix: str, manifest: CheckpointManifest, folder: Path) -> None:
    """Every file, each object and each joined file against its SHA-256.

    Raises ValueError for names outside of the folder, ObjectMissing, ObjectDamaged, NetworkLost, StorageFailed.
    """
    stored = {file.path: file for file in manifest.files}
    parts = {part for file in manifest.joined for part in file.parts}
    for name in stored.keys() - parts | {file.path for file in manifest.joined}:
        if Path(name).name != name:
            raise ValueError(f"its manifest names a file outside of its folder: {name!r}")
    for name in sorted(stored.keys() - parts):
        objects.get_file("checkpoints", f"{prefix}/{name}", folder / name, stored[name].sha256)
    for joined in manifest.joined:
        _download_joined(objects, prefix, joined, stored, folder / joined.path)


def _download_joined(
    objects: Objects, prefix: str, joined: JoinedFile, stored: dict[str, CheckpointFile], target: Path
) -> None:
    """Part after part into its place: the disk holds the file once."""
    offset = 0
    for name in joined.parts:
        if name not in stored:
            raise ValueError(f"its manifest lacks {name}")
        objects.get_file("checkpoints", f"{prefix}/{name}", target, stored[name].sha256, offset=offset)
        offset += stored[name].size_bytes
    if file_sha256(target) != joined.sha256:
        raise ObjectDamaged(f"the parts of {joined.path} do not give the file that was saved")
