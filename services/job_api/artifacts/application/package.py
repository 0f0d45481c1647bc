"""What belongs into the ZIP of a model, in which order, and where the ZIP lies."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import RowMapping

from chassis.objects.store import ObjectStore
from services.job_api.artifacts import fallback_documents
from services.job_api.artifacts.domain import WEIGHTS, WeightsFormat
from services.job_api.artifacts.errors import ArtifactDamaged, NoPyTorchWeights
from services.job_api.artifacts.sources import Source, Text, stored_file

CONFIGURATION = "adapter_config.json"
# Part of the ZIP's address: raise it when the same files would be packed differently.
_LAYOUT = 1


@dataclass(frozen=True)
class Package:
    file_name: str
    folder: str
    fingerprint: str
    sources: tuple[Source, ...]

    @property
    def key(self) -> str:
        """The same content has the same address; its last part is the name a browser saves it under."""
        return f"{self.folder}{self.fingerprint}/{self.file_name}"


def package(
    objects: ObjectStore, job: RowMapping, model: RowMapping, rows: Sequence[RowMapping], form: WeightsFormat
) -> Package:
    """All files of the model, the weights in one format only.

    Raises `artifact_damaged` when something is missing, `bin_not_delivered` for a trainer that sent safetensors only.
    """
    files = {row["path"]: stored_file(objects, job["id"], job["workspace_id"], row) for row in rows}
    weights = {name: files.pop(name, None) for name in WEIGHTS.values()}
    chosen = weights[WEIGHTS[form]]
    if chosen is None and weights[WEIGHTS["safetensors"]] is not None:
        raise NoPyTorchWeights(job["id"])
    if chosen is None:
        raise ArtifactDamaged(WEIGHTS[form], "was never uploaded")
    if CONFIGURATION not in files:
        raise ArtifactDamaged(CONFIGURATION, "was never uploaded")
    written = {fallback_documents.README: fallback_documents.readme(job),
               fallback_documents.SUMMARY: fallback_documents.summary(job, model)}
    made = [Text(path, content) for path, content in written.items() if path not in files]
    rest: list[Source] = sorted([*files.values(), *made], key=lambda source: source.path)
    sources = (chosen, *rest)
    return Package(
        file_name=f"{slug(job['name'])}-adapter-{form}.zip",
        folder=f"{job['workspace_id']}/{job['id']}/deliveries/",
        fingerprint=_fingerprint(form, sources),
        sources=sources,
    )


def slug(name: str) -> str:
    """A name for a file, from any text."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-") or "job"


def _fingerprint(form: str, sources: Sequence[Source]) -> str:
    content = json.dumps([_LAYOUT, form, *([source.path, source.sha256] for source in sources)])
    return hashlib.sha256(content.encode()).hexdigest()[:24]
