"""Base models that were prefetched in 4 bits onto a volume: found by name and commit, without asking a hub.

    <HF_HOME>/brightrun-nf4/<org>--<name>/<commit>/      the model's files, and prefetched.json, written last
"""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

FOLDER, MANIFEST = "brightrun-nf4", "prefetched.json"


@dataclass(frozen=True)
class StoredModel:
    """`asked_revision`: the branch or tag that was named when it was fetched; `revision`: the commit it meant."""

    folder: Path
    repository: str
    revision: str
    asked_revision: str | None
    fetched_at: str
    files: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, folder: Path) -> "StoredModel":
        """Raises OSError, ValueError, KeyError for what is no such folder."""
        found = json.loads((folder / MANIFEST).read_text())
        return cls(folder, found["repository"], found["revision"], found["asked_revision"], found["fetched_at"],
                   tuple(found["files"]))

    @property
    def size_bytes(self) -> int:
        return sum(file["size_bytes"] for file in self.files)

    def whole(self) -> bool:
        """Whether each file is there in its full length. Hashes are compared by `prefetch --verify`: reading 37 GB
        once more at every start would cost minutes of a rented machine."""
        return all(_size(self.folder / file["path"]) == file["size_bytes"] for file in self.files)


def model_root(home: Path) -> Path:
    return home / FOLDER


def folder_of(root: Path, repository: str) -> Path:
    return root / repository.replace("/", "--")


def stored_models(root: Path) -> Iterator[StoredModel]:
    """Every complete one below this root, oldest first."""
    found = []
    for manifest in root.glob(f"*/*/{MANIFEST}"):
        try:
            found.append(StoredModel.read(manifest.parent))
        except (OSError, ValueError, KeyError) as error:
            _log.warning("%s cannot be read: %s", manifest, error)
    yield from sorted(found, key=lambda model: model.fetched_at)


def find_stored(repository: str, revision: str | None) -> StoredModel | None:
    """The newest prefetched copy of this model, at this commit, branch or tag where one is named.

    A copy that lacks something is passed over with a warning: the hub serves instead.
    """
    if not (home := os.environ.get("HF_HOME")):
        return None
    for model in reversed(list(stored_models(model_root(Path(home))))):
        if model.repository != repository or revision not in (None, model.revision, model.asked_revision):
            continue
        if model.whole():
            return model
        _log.warning("%s is incomplete and is not used. -> brightrun models prefetch %s@%s", model.folder, repository,
                     model.revision)
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
