"""Fetching and verifying, as a person or a pod asks for it."""

from pathlib import Path

from trainer_image.errors import ModelAccessError, StorageFailed, TrainerError
from trainer_image.hub import repeated
from trainer_image.model_store import StoredModel, model_root, stored_models
from trainer_image.prefetch.fill import fill
from trainer_image.prefetch.source import Corrupt, digest, look_up, size


def prefetch(home: Path, repository: str, revision: str | None, *, patience_s: float) -> StoredModel:
    """Raises ModelAccessError, HubUnavailable, StorageFailed."""
    given = repository if revision is None else f"{repository}@{revision}"
    if "/" not in repository or repository.startswith(("/", ".")):
        raise ModelAccessError(f"{given} is no hub id such as org/name or org/name@revision.", base_model=given)
    try:
        source = repeated(given, patience_s, lambda: look_up(repository, revision))
        say(f"{repository} at commit {source.revision}: {size(sum(file.size_bytes for file in source.files))} in "
            f"{len(source.files)} files")
        model = repeated(given, patience_s, lambda: fill(model_root(home), source, revision, say))
    except Corrupt as error:
        raise TrainerError(f"{given} arrived damaged: {error}. Run the same command again.") from error
    except OSError as error:
        raise StorageFailed(f"{home} does not take the model: {error}") from error
    say(f"{size(model.size_bytes)} in {model.folder}. Jobs name it {repository}@{model.revision}")
    return model


def verify(home: Path, repository: str, revision: str | None) -> int:
    """0 when every file of every matching copy has its hash."""
    found = [model for model in stored_models(model_root(home))
             if model.repository == repository and revision in (None, model.revision, model.asked_revision)]
    if not found:
        raise ModelAccessError(f"{home} holds no prefetched {repository}.", base_model=repository)
    damaged = [_damaged(model) for model in found]  # each is looked at, also after a damaged one
    return int(any(damaged))


def _damaged(model: StoredModel) -> bool:
    wrong = [file["path"] for file in model.files if not _same(model.folder / file["path"], file["sha256"])]
    for path in wrong:
        say(f"{model.folder / path} is missing or damaged. -> delete the folder and prefetch again")
    if not wrong:
        say(f"{model.folder}: {len(model.files)} files, each with its hash")
    return bool(wrong)


def _same(path: Path, sha256: str) -> bool:
    return path.is_file() and digest(path) == sha256


def say(text: str) -> None:
    print(text, flush=True)
