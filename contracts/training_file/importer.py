"""Reads a training file of any of the five formats into conversations and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from contracts.chat import Conversation, CountTokens, estimated
from contracts.evidence import held_out_count
from contracts.training_file.brightrun import BrightRunReader
from contracts.training_file.chat_records import read_chat_record
from contracts.training_file.content_checks import ContentChecks
from contracts.training_file.declared import DeclaredFacts
from contracts.training_file.fields import Place
from contracts.training_file.issues import IssueLog, Severity
from contracts.training_file.json_source import MAX_BYTES, JsonSource
from contracts.training_file.layout import Entry, Format, entries, format_of, unknown_format
from contracts.training_file.refusals import TrainingFileTooLarge
from contracts.training_file.report import ImportReport, evidence_of

MAX_RECORDS = 100_000
REVIEW_KEYS_SHOWN = 1000
LABELS_SHOWN = 1000

Sink = Callable[[Conversation], None]


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class ImportResult(BaseModel):
    """All conversations of a file, and the report about it."""

    model_config = ConfigDict(frozen=True)

    conversations: tuple[Conversation, ...]
    report: ImportReport


def read_training_file(
    stream: ByteStream | Iterable[bytes],
    *,
    file_name: str,
    count_tokens: CountTokens | None = None,
    max_context: int = 4096,
) -> ImportResult:
    """Read a whole file. `stream` is a binary file or an iterable of chunks.

    Faults in records are errors of the report; a file that cannot be read at all raises
    `TrainingFileRefused` (422), `UnsupportedTrainingFile` (415) or `TrainingFileTooLarge` (413), and nothing else.
    """
    kept: list[Conversation] = []
    report = import_training_file(
        stream, kept.append, file_name=file_name, count_tokens=count_tokens, max_context=max_context
    )
    return ImportResult(conversations=tuple(kept), report=report)


def import_training_file(
    stream: ByteStream | Iterable[bytes],
    sink: Sink,
    *,
    file_name: str,
    count_tokens: CountTokens | None = None,
    max_context: int = 4096,
    max_bytes: int = MAX_BYTES,
    max_records: int = MAX_RECORDS,
) -> ImportReport:
    """As `read_training_file`, handing each conversation to `sink` as soon as it is complete."""
    source = JsonSource(reader_of(stream), max_bytes)
    run = ImportRun(sink, count_tokens, max_context, max_records)
    run.read(*entries(source))
    return run.report(file_name, source)


def reader_of(stream: ByteStream | Iterable[bytes]) -> Callable[[int], bytes]:
    read = getattr(stream, "read", None)
    if callable(read):
        return lambda size: bytes(read(size))
    chunks = (bytes(chunk) for chunk in stream if chunk)  # type: ignore[union-attr]
    return lambda size: next(chunks, b"")


class ImportRun:
    """One pass over one file."""

    def __init__(self, sink: Sink, count_tokens: CountTokens | None, max_context: int, max_records: int) -> None:
        self._sink = sink
        self._count_tokens = count_tokens or estimated
        self._about = "" if count_tokens else "about "
        self._max_context = max_context
        self._max_records = max_records
        self.log = IssueLog()
        self._checks = ContentChecks(self.log)
        self._facts = DeclaredFacts(self.log)
        self.format: Format | None = None
        self.records = self.unanswered = self.sound = 0
        self.conversations = self.answers = self.tokens = self.trainable_tokens = self.longest = 0
        self.needs_review: list[str] = []
        self._groups: set[str] = set()

    def read(self, form: Format | None, found: Iterator[Entry]) -> None:
        if form is None:
            first = next(found, None)
            if first is None or (form := format_of(first.value)) is None:
                raise unknown_format()
            found = chain([first], found)
        self.format = form
        if form in (Format.BRIGHTRUN_JSON, Format.BRIGHTRUN_JSONL):
            self._read_pairs(form, found)
        else:
            self._read_chats(form, found)
        self._finish()

    def _read_pairs(self, form: Format, found: Iterator[Entry]) -> None:
        reader = BrightRunReader(self.log, self._facts, self._count_record)
        for conversation, place in reader.conversations(form, found):
            self._keep(conversation, place)
        self.unanswered, self.sound = reader.unanswered, reader.answered
        self._declared_conversations = reader.number

    def _read_chats(self, form: Format, found: Iterator[Entry]) -> None:
        for entry in found:
            self._count_record()
            given = entry.value.get("id") if isinstance(entry.value, dict) else None
            key = str(given)[:200] if isinstance(given, str | int) and str(given) else f"record-{entry.index}"
            place = Place(self.log, conversation=entry.index, key=key)
            conversation = self._read_chat(entry.value, form, key, place)
            if conversation is not None:
                self.sound += 1
                self._facts.note_labels(conversation.metadata)
                self._keep(conversation, place)
        self._declared_conversations = self.records

    def _read_chat(self, value: Any, form: Format, key: str, place: Place) -> Conversation | None:
        if format_of(value) is not form:
            place.add("TF109_mixed_formats", f"the record is not {form.value} like the first one")
            return None
        return read_chat_record(value, form, key, place)

    def _count_record(self) -> int:
        self.records += 1
        if self.records > self._max_records:
            raise TrainingFileTooLarge(
                "TF003_too_many_records",
                f"the file has more than {self._max_records:,} records",
                suggested_fix="Split the file.",
            )
        return self.records

    def _keep(self, conversation: Conversation, place: Place) -> None:
        if self._checks.is_copy(conversation, place):
            return
        conversation = self._checks.with_own_key(conversation, place)
        if self._checks.needs_review(conversation, place):
            conversation = conversation.model_copy(update={"metadata": {**conversation.metadata, "safety": "crisis"}})
            self.needs_review.append(conversation.key)
        self._checks.note_answers(conversation)
        self._measure(conversation, place)
        self.conversations += 1
        self._groups.add(conversation.group)
        self.answers += len(conversation.answers)
        self._sink(conversation)

    def _measure(self, conversation: Conversation, place: Place) -> None:
        tokens, learnt = self._count_tokens(conversation)
        self.tokens += tokens
        self.trainable_tokens += learnt
        self.longest = max(self.longest, tokens)
        if tokens > self._max_context:
            limit = f"the context of {self._max_context:,}; the rest is cut off"
            place.add("TF205_too_long", f"{self._about}{tokens:,} tokens are more than {limit}")

    def _finish(self) -> None:
        self._facts.finish(records=self.records, conversations=self._declared_conversations)
        self._checks.finish()
        if self.answers == 0:
            self.log.add("TF110_nothing_to_learn", "the file holds no answer that can be learnt")

    def report(self, file_name: str, source: JsonSource) -> ImportReport:
        if self.format is None:
            raise unknown_format()
        by_pair = self.format in (Format.BRIGHTRUN_JSON, Format.BRIGHTRUN_JSONL)
        trainable = self.answers if by_pair else self.conversations
        labels = {name: dict(sorted(c.most_common(LABELS_SHOWN))) for name, c in self._facts.labels.items()}
        return ImportReport(
            file_name=file_name,
            format=self.format,
            size_bytes=source.size,
            sha256=source.sha256,
            records=self.records,
            trainable=trainable,
            unanswered=self.unanswered,
            left_out=self.sound - trainable,
            faulty=self.records - self.sound - self.unanswered,
            conversations=self.conversations,
            answers=self.answers,
            tokens=self.tokens,
            trainable_tokens=self.trainable_tokens,
            longest=self.longest,
            tokens_exact=not self._about,
            max_context=self._max_context,
            needs_review=tuple(self.needs_review[:REVIEW_KEYS_SHOWN]),
            personas=labels["persona"],
            emotional_arcs=labels["emotional_arc"],
            topics=labels["topic"],
            issues=tuple(sorted(self.log.issues, key=lambda issue: ORDER[issue.severity])),
            issue_counts=dict(sorted(self.log.counts.items())),
            errors=self.log.total(Severity.ERROR),
            warnings=self.log.total(Severity.WARNING),
            held_out=held_out_count(len(self._groups)),
            evidence=evidence_of(len(self._groups)),
        )


ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
