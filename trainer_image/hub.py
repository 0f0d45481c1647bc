"""The base model's files on this disk, from a folder or from the hub at one commit."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from contracts.hub_names import split_revision
from trainer_image.errors import HubUnavailable, ModelAccessError
from trainer_image.model_store import find_stored

_log = logging.getLogger(__name__)
T = TypeVar("T")

_CONFIGURATION = ("*.json", "*.jinja", "*.model", "*.txt")
_WEIGHTS = ("*.safetensors",)
# Repositories of Llama models hold Meta's own format too, in a folder: another 141 GB.
_SUBFOLDERS = "*/*"
# The machine costs money while it waits; an attempt that gives up is repeated on a fresh one.
_PATIENCE_S = 300.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 2.0, 30.0


@dataclass(frozen=True)
class BaseModelFiles:
    """`given`: as the job names it. `name`: as an adapter can name it on another machine, a hub id or folder name and
    content hash. `revision`: the commit on the hub; None for a folder. `prefetched`: from the volume, complete."""

    given: str
    folder: Path
    name: str
    revision: str | None = None
    prefetched: bool = False


def find_base_model(base_model: str, *, patience_s: float = _PATIENCE_S) -> BaseModelFiles:
    """Configuration and tokenizer are there when this returns. Raises ModelAccessError, HubUnavailable."""
    if (folder := Path(base_model)).is_dir():
        if not (folder / "config.json").is_file():
            raise ModelAccessError(f"{base_model} is not a model folder: it holds no config.json.",
                                   base_model=base_model)
        return BaseModelFiles(base_model, folder, _portable_name(folder))
    if base_model.startswith(("/", ".")):
        raise ModelAccessError(f"The base model folder {base_model} does not exist.", base_model=base_model)
    repository, revision = split_revision(base_model)
    if stored := find_stored(repository, revision):
        return BaseModelFiles(base_model, stored.folder, repository, stored.revision, prefetched=True)
    folder = _download(base_model, repository, revision, _CONFIGURATION, patience_s)
    return BaseModelFiles(base_model, folder, repository, folder.name)


def fetch_weights(base: BaseModelFiles, *, patience_s: float = _PATIENCE_S) -> None:
    """The weights of the same commit. Raises ModelAccessError, HubUnavailable."""
    if base.revision is None or base.prefetched:
        return
    _download(base.given, base.name, base.revision, (*_CONFIGURATION, *_WEIGHTS), patience_s)
    if not any(base.folder.glob("*.safetensors")):
        raise ModelAccessError(f"{base.given} holds no weights in the safetensors format.", base_model=base.given)


def _portable_name(folder: Path) -> str:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) if path.is_file() else {}
    content = (manifest.get("weights_sha256") or manifest.get("content_hash")
               or sha256((folder / "config.json").read_bytes()).hexdigest())
    return f"local/{manifest.get('name') or folder.name}-{content[:12]}"


def _download(
    given: str, repository: str, revision: str | None, patterns: Sequence[str], patience_s: float
) -> Path:
    """The snapshot's folder, named after its commit. A cache that has all of it is used when the hub is away."""
    from huggingface_hub import snapshot_download

    return repeated(given, patience_s, lambda: Path(snapshot_download(
        repository, revision=revision, allow_patterns=list(patterns), ignore_patterns=[_SUBFOLDERS])))


def repeated(given: str, patience_s: float, download: Callable[[], T]) -> T:
    """What passes is tried again for `patience_s` seconds. Raises ModelAccessError, HubUnavailable, and what is not
    the hub's."""
    from trainer_image.hub_errors import explain

    deadline, delay = time.monotonic() + patience_s, _FIRST_DELAY_S
    while True:
        try:
            return download()
        except Exception as error:
            known = explain(given, error)
            if known is None:
                raise
            if not isinstance(known, HubUnavailable) or time.monotonic() + delay > deadline:
                raise known from error
            _log.warning("%s Repeated in %.0f s.", known, delay)
        time.sleep(delay)
        delay = min(_LONGEST_DELAY_S, delay * 2)
