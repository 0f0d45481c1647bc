"""One base model into the store: fetched, checked, quantised, described; begun again it goes on where it stopped."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer_image.disk import require_room
from trainer_image.errors import ModelAccessError
from trainer_image.model_store import MANIFEST, StoredModel, folder_of
from trainer_image.prefetch.source import Source, SourceFile, digest, fetch, fetch_all, size

Say = Callable[[str], None]
# Of a file in 16 bits: 4 bits a weight, its statistics, and embeddings that stay as they are.
_SHARE_IN_4_BITS = 0.32
_INDEX = "model.safetensors.index.json"


def fill(root: Path, source: Source, asked_revision: str | None, say: Say) -> StoredModel:
    """Returns the complete copy. Raises OSError without room, Corrupt, ModelAccessError and the hub's errors."""
    final = folder_of(root, source.repository) / source.revision
    if (final / MANIFEST).is_file() and (stored := StoredModel.read(final)).whole():
        say(f"{source.repository} at {source.revision[:12]} is there already.")
        return stored
    part = final.with_name(f".{source.revision}.part")
    part.mkdir(parents=True, exist_ok=True)
    files = _Filling(part, source, say).run()
    _write_manifest(part, source, asked_revision, files)
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)
    return StoredModel.read(final)


class _Filling:
    """`part` holds the result so far: a weights file that is done has a record beside it."""

    def __init__(self, part: Path, source: Source, say: Say) -> None:
        self.part, self.source, self.say = part, source, say
        self.downloads = part / "downloads"
        self.records = part / "records"
        self.records.mkdir(exist_ok=True)

    def run(self) -> list[dict[str, Any]]:
        """Every file of the result with size and SHA-256."""
        for path in fetch_all(self.source, self.source.rest, self.downloads):
            shutil.copyfile(path, self.part / path.name)
        _refuse_quantized(self.part, self.source.repository)
        self._weights()
        from trainer_image.prefetch.quantize import describe_quantization

        describe_quantization(self.part)
        records = [self._record(file) for file in self.source.weights]
        _write_index(self.part, records)
        shutil.rmtree(self.downloads)
        shutil.rmtree(self.records)
        done = {record["path"]: record for record in records}
        return [done.get(path.name) or _entry(path) for path in sorted(self.part.iterdir())]

    def _weights(self) -> None:
        """The next file is downloaded while this one is quantised."""
        waiting = [file for file in self.source.weights if not self._done(file)]
        self._require_room(waiting)
        with ThreadPoolExecutor(1) as pool:
            coming: list[Future[Path]] = []
            for number, file in enumerate(waiting):
                for ahead in waiting[number + len(coming) : number + 2]:
                    coming.append(pool.submit(fetch, self.source, ahead, self.downloads))
                self._quantize(file, coming.pop(0).result())

    def _require_room(self, waiting: list[SourceFile]) -> None:
        largest = max((file.size_bytes for file in waiting), default=0)
        result = sum(file.size_bytes for file in waiting) * _SHARE_IN_4_BITS
        require_room(self.part, int(2 * largest + result))

    def _quantize(self, file: SourceFile, downloaded: Path) -> None:
        from trainer_image.prefetch.quantize import quantize_file, quantized_names

        target = self.part / file.path
        names = quantize_file(downloaded, target, quantized_names(self.part))
        record = _entry(target) | {"tensors": names, "source_sha256": file.sha256}
        (self.records / f"{file.path}.json").write_text(json.dumps(record))
        downloaded.unlink()
        done = len(list(self.records.iterdir()))
        self.say(f"[{done}/{len(self.source.weights)}] {file.path}: {size(file.size_bytes)} fetched and checked, "
                 f"{size(record['size_bytes'])} in 4 bits")

    def _record(self, file: SourceFile) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.records / f"{file.path}.json").read_text())
        return record

    def _done(self, file: SourceFile) -> bool:
        """A file that was cut off in the middle has no record, or another length than it."""
        try:
            record = self._record(file)
            return bool((self.part / file.path).stat().st_size == record["size_bytes"])
        except (OSError, ValueError):
            return False


def _entry(path: Path) -> dict[str, Any]:
    return {"path": path.name, "size_bytes": path.stat().st_size, "sha256": digest(path)}


def _refuse_quantized(folder: Path, repository: str) -> None:
    if json.loads((folder / "config.json").read_text()).get("quantization_config"):
        raise ModelAccessError(
            f"{repository} is stored quantised already: name the model in full weights that it was made from, or "
            "train on it as it is.", base_model=repository)


def _write_index(part: Path, records: list[dict[str, Any]]) -> None:
    """Which tensor lies in which file; a model of one file has none."""
    if len(records) == 1:
        return
    placed = {name: record["path"] for record in records for name in record["tensors"]}
    total = sum(record["size_bytes"] for record in records)
    (part / _INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": placed}, indent=2))


def _write_manifest(part: Path, source: Source, asked: str | None, files: list[dict[str, Any]]) -> None:
    listed = [{name: file[name] for name in ("path", "size_bytes", "sha256")} for file in files]
    (part / MANIFEST).write_text(json.dumps({
        "format": 1, "repository": source.repository, "revision": source.revision, "asked_revision": asked,
        "quantization": "nf4, double quantisation", "fetched_at": datetime.now(UTC).isoformat(), "files": listed,
    }, indent=2))
