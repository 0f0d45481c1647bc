"""What the API and a worker process say to each other: one JSON line each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from contracts.hyperparameters import Hyperparameters
from contracts.training_file import ImportReport, TrainingFileRefused

DEFAULT_CONTEXT: int = Hyperparameters.model_fields["max_seq_length"].default


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImportOrder(_Message):
    """Check `source`, write the stored form to `target`."""

    kind: Literal["import"] = "import"
    source: Path
    target: Path
    file_name: str
    max_records: int


class PreviewOrder(_Message):
    """Write the conversations of `source`, lines of the stored form, to `target` as a JSON list of previews."""

    kind: Literal["preview"] = "preview"
    source: Path
    target: Path
    max_length: int


class _Answer(_Message):
    """`peak_memory_mb` covers the process's whole life. `tokenizer`: the model whose tokenizer counted, None: none."""

    peak_memory_mb: int


class ImportDone(_Answer):
    """`sha256` is that of the stored form."""

    kind: Literal["import"] = "import"
    report: ImportReport
    sha256: str
    tokenizer: str | None


class PreviewDone(_Answer):
    kind: Literal["preview"] = "preview"
    tokenizer: str | None


class Refused(_Answer):
    """The file cannot be read as a whole."""

    kind: Literal["refused"] = "refused"
    status: int
    code: str
    message: str
    place: str
    suggested_fix: str

    @classmethod
    def by(cls, refusal: TrainingFileRefused, peak_memory_mb: int) -> "Refused":
        return cls(
            status=refusal.status, code=refusal.code, message=refusal.message, place=refusal.place,
            suggested_fix=refusal.suggested_fix, peak_memory_mb=peak_memory_mb)


Order = ImportOrder | PreviewOrder
Answer = ImportDone | PreviewDone | Refused
ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="kind")])
ANSWER: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="kind")])
