"""Training files: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from contracts.chat import Turn
from contracts.training_file import ImportReport, Issue
from services.job_api.edge.fields import CommaSeparated, PlainText, Request, View
from services.job_api.files.processes.messages import DEFAULT_CONTEXT

FileStatus = Literal["ready", "invalid"]

UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "One of the five formats, unpacked; up to 200 MB and 100,000 records.",
                        },
                        "name": {"type": "string", "maxLength": 255, "description": "The file's own name when empty."},
                        "description": {"type": "string", "maxLength": 5000},
                    },
                }
            }
        },
    }
}
"""The body is read by hand, as it streams in; this documents it."""

UNREADABLE: dict[int | str, dict[str, Any]] = {
    400: {"description": "The multipart body cannot be read, or the Idempotency-Key is not valid"},
    413: {"description": "The file is too large, or has too many records"},
    415: {"description": "Not a multipart form, or the file is in none of the five formats"},
    422: {"description": "The file is not valid JSON, or a field of the form is wrong"},
}
"""How a file is refused as a whole; `code` says why."""


class FileListQuery(Request):
    status: Annotated[list[FileStatus], CommaSeparated] = Field(default_factory=list)
    q: Annotated[PlainText, Field(max_length=200)] = Field(default="", description="In names.")
    limit: int = Field(default=20, ge=1, le=100)
    after: Annotated[PlainText, Field(max_length=2_000)] | None = Field(
        default=None, description="next_cursor of the page before."
    )


class PreviewQuery(Request):
    max_seq_length: int = Field(default=DEFAULT_CONTEXT, ge=128, le=32_768, description="As the job will have it.")
    limit: int = Field(default=3, ge=1, le=10)


class ReportSummary(ImportReport):
    """The importer's report; `issues` is left out in lists. `tokenizer`: the model whose tokenizer counted."""

    tokenizer: str | None
    issues: tuple[Issue, ...] = ()


class FileView(View):
    object: Literal["training_file"]
    id: UUID
    workspace_id: UUID
    name: str
    original_filename: str
    description: str
    format: str
    format_name: str
    status: FileStatus = Field(description="invalid: it has errors, which the report lists, and cannot be started")
    can_train: bool
    summary: str = Field(description="The file in one line")
    size_bytes: int
    sha256: str
    records: int
    conversations: int
    trainable_turns: int
    tokens: int
    tokens_exact: bool = Field(description="false: no tokenizer at hand, a token was taken as four characters")
    trainable_tokens: int
    longest_conversation_tokens: int
    error_count: int
    warning_count: int
    duplicate_of: UUID | None = Field(description="The oldest file of the workspace with the same bytes")
    job_count: int
    warnings_accepted_by: str | None
    warnings_accepted_by_name: str | None = Field(
        description="Of the member whose id `warnings_accepted_by` is; null: nobody who is one now")
    warnings_accepted_at: datetime | None
    report: ReportSummary
    created_by: str
    created_at: datetime
    updated_at: datetime


class FileList(View):
    object: Literal["list"]
    data: list[FileView]
    has_more: bool
    next_cursor: str | None


class ValidationView(View):
    object: Literal["training_file.validation"]
    status: FileStatus
    summary: str
    report: ReportSummary


class SegmentView(View):
    text: str
    learn: bool
    cut_off: bool = Field(description="Beyond max_seq_length: not seen in training")
    tokens: int | None


class ConversationPreview(View):
    key: str
    number: int | None = Field(description="Its place in the uploaded file, from 1, as issues name it")
    metadata: dict[str, str]
    system_prompt: str | None
    turns: list[Turn]
    text: str = Field(description="The whole conversation as rendered")
    marked_text: str = Field(description="What is trained, learnt text between \u27e6 and \u27e7")
    segments: list[SegmentView]
    tokens: int
    learnt_tokens: int
    tokens_before_cut: int
    truncated: bool
    token_ids: list[int] | None
    learn_mask: list[int] | None = Field(description="1: the token carries loss")


class PreviewView(View):
    object: Literal["training_file.preview"]
    training_file_id: UUID
    name: str
    total_conversations: int
    max_seq_length: int
    tokens_exact: bool
    tokenizer: str | None
    conversations: list[ConversationPreview]


class FileDeleted(View):
    object: Literal["training_file"]
    id: UUID
    deleted: Literal[True]
