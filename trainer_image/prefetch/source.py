"""The model's files on the hub at one commit, each with what proves that it arrived whole."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer_image.errors import ModelAccessError

_CONFIGURATION = (".json", ".jinja", ".model", ".txt")


class Corrupt(Exception):
    """The bytes are not those that the hub announced."""


@dataclass(frozen=True)
class SourceFile:
    """`sha256` of a large file, `blob` (git's SHA-1 of it) of a small one, as the hub states them."""

    path: str
    size_bytes: int
    sha256: str | None
    blob: str | None

    @property
    def weights(self) -> bool:
        return self.path.endswith(".safetensors")

    def check(self, file: Path) -> None:
        """Raises Corrupt."""
        if file.stat().st_size != self.size_bytes:
            raise Corrupt(f"{self.path} has {file.stat().st_size:,} of {self.size_bytes:,} bytes")
        if self.sha256 is not None and digest(file) != self.sha256:
            raise Corrupt(f"{self.path} has another SHA-256 than the hub states")
        if self.sha256 is None and self.blob is not None and _git_blob(file) != self.blob:
            raise Corrupt(f"{self.path} has another hash than the hub states")


@dataclass(frozen=True)
class Source:
    repository: str
    revision: str
    files: tuple[SourceFile, ...]

    @property
    def weights(self) -> list[SourceFile]:
        return [file for file in self.files if file.weights]

    @property
    def rest(self) -> list[SourceFile]:
        return [file for file in self.files if not file.weights]


def digest(file: Path) -> str:
    """SHA-256 in hexadecimal, of a file of any size."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def size(count: int) -> str:
    """Bytes in words: 1.64 MB, 4.98 GB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"


def _git_blob(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  git's own


def look_up(repository: str, revision: str | None) -> Source:
    """What the hub has of it now. Raises the hub client's errors, and ModelAccessError without safetensors."""
    from huggingface_hub import HfApi

    found = HfApi().model_info(repository, revision=revision, files_metadata=True)
    files = tuple(
        SourceFile(sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else None, sibling.blob_id)
        for sibling in found.siblings or () if _wanted(sibling.rfilename))
    source = Source(repository, str(found.sha), files)
    if not source.weights:
        raise ModelAccessError(f"{repository} holds no weights in the safetensors format.", base_model=repository)
    return source


def _wanted(path: str) -> bool:
    """Files of the repository's root: below it Llama repositories hold Meta's own format, another 141 GB."""
    if "/" in path or path == "model.safetensors.index.json":
        return False
    return path.endswith((".safetensors", *_CONFIGURATION))


def fetch(source: Source, file: SourceFile, folder: Path) -> Path:
    """The file in this folder, whole; what an earlier try left of it is gone on with. Raises Corrupt."""
    from huggingface_hub import hf_hub_download

    path = Path(hf_hub_download(source.repository, file.path, revision=source.revision, local_dir=folder))
    try:
        file.check(path)
    except Corrupt:
        path.unlink()
        raise
    return path


def fetch_all(source: Source, files: Sequence[SourceFile], folder: Path) -> list[Path]:
    return [fetch(source, file, folder) for file in files]
