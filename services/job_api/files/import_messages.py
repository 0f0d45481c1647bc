"""What the API and an import process say to each other: one JSON line each."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from contracts.training_file import ImportReport, TrainingFileRefused


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(_Message):
    """Read `source`, write the stored form to `target`."""

    source: Path
    target: Path
    file_name: str
    max_records: int


class _Answer(_Message):
    """`peak_memory_mb` covers the process's whole life."""

    peak_memory_mb: int


class Done(_Answer):
    """`sha256` is that of the stored form."""

    report: ImportReport
    sha256: str
    tokenizer: str | None


class Refused(_Answer):
    """The file cannot be read as a whole."""

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


ANSWER: TypeAdapter[Done | Refused] = TypeAdapter(Done | Refused)
