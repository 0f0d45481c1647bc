"""Failures as the API shows them: statistics, one failure, and its ZIP. No secret leaves by any of them."""

import io
import platform
import zipfile
from collections.abc import Mapping
from typing import Any

import orjson

from chassis.observability.redaction import redact, redact_value
from services.job_api.base_models import shown_base_model
from services.job_api.diagnosis.application.evidence import LINES, Evidence
from services.job_api.diagnosis.domain import CodeStatistics, ErrorStatistics, PresetStatistics
from services.job_api.diagnosis.repository import Period
from services.job_api.edge.responses import to_json
from services.job_api.jobs import presenter as jobs
from services.job_api.jobs.domain.success import Success

_README = f"""The error log of one training job, for a support ticket. Secrets were taken out.

error.json          why it failed, the trace by which logs and traces find it, what could not be asked
job.json            the job as the API shows it
configuration.json  what it was told to do
versions.json       of the API, its Python, and the libraries of the trainer
attempts.json       the machines of all attempts
events.jsonl        everything that happened, oldest first
log.txt             the last {LINES} lines of the newest attempt's trainer
"""


def statistics(found: ErrorStatistics, period: Period) -> dict[str, Any]:
    return {
        "object": "error_statistics", "ended_after": period.after, "ended_before": period.before,
        "ended": found.ended, "failed": found.failed, "codes": [_code(code, found.failed) for code in found.codes],
        "presets": [_preset(preset) for preset in found.presets],
        "retries": _retries(found.with_suggestion, found.without_suggestion),
    }


def _code(found: CodeStatistics, failed: int) -> dict[str, Any]:
    entry = found.entry
    return {
        "code": entry.code, "error_type": entry.error_type, "class": entry.failure_class, "title": entry.title,
        "docs_url": entry.docs_url, "count": found.count, "share": _share(found.count, failed),
        "presets": dict(found.presets), "retries": _retries(found.with_suggestion, found.without_suggestion)}


def _preset(found: PresetStatistics) -> dict[str, Any]:
    return {"preset": found.preset, "ended": found.ended, "failed": found.failed,
            "failure_rate": _share(found.failed, found.ended), "most_frequent": found.most_frequent}


def _retries(with_suggestion: Success, without: Success) -> dict[str, Any]:
    return {"with_suggestion": jobs.success(with_suggestion), "without_suggestion": jobs.success(without)}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def failure(evidence: Evidence) -> dict[str, Any]:
    lines = [line | {"text": _text(line["text"], evidence)} for line in _lines(evidence)]
    return {"object": "training_job.error", "job_id": evidence.job["id"], "trace_id": evidence.trace_id,
            "error": jobs.failure(evidence.job), "log_lines": lines, "unavailable": evidence.unavailable}


def error_log(evidence: Evidence, version: str) -> bytes:
    """The ZIP."""
    job = jobs.job(evidence.job)
    documents = {
        "error.json": {"job_id": job["id"], "trace_id": evidence.trace_id, "status": job["status"],
                       "status_reason": job["status_reason"], "error": job["error"],
                       "unavailable": evidence.unavailable},
        "job.json": job,
        "configuration.json": job["configuration"],
        "versions.json": {"api": version, "python": platform.python_version(), "trainer": evidence.versions},
        "attempts.json": [pod.model_dump(mode="json") for pod in evidence.attempts],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README)
        for name, document in documents.items():
            archive.writestr(name, _safe(document, evidence) + b"\n")
        archive.writestr("events.jsonl", b"".join(_event(row, evidence) for row in evidence.events))
        archive.writestr("log.txt", _log(evidence))
    return buffer.getvalue()


def _event(row: Mapping[str, Any], evidence: Evidence) -> bytes:
    return _safe(jobs.event(row) | {"trace_id": row["trace_id"]}, evidence) + b"\n"


def _log(evidence: Evidence) -> str:
    if "log" in evidence.unavailable:
        return f"The trainer's output could not be asked: {evidence.unavailable['log']}\n"
    lines = [f"{line['line']:6} {line['time'] or '-'} {line['level']:7} {_text(line['text'], evidence)}\n"
             for line in _lines(evidence)]
    return "".join(lines) or "Nothing of the trainer's output is kept.\n"


def _lines(evidence: Evidence) -> list[dict[str, Any]]:
    return [] if evidence.output is None else jobs.log(evidence.job["id"], evidence.output)["lines"] or []


def _safe(document: dict[str, Any] | list[Any], evidence: Evidence) -> bytes:
    plain = orjson.loads(to_json(document))
    return _without_folder(to_json(redact_value(plain)).decode(), evidence).encode()


def _text(text: str, evidence: Evidence) -> str:
    return _without_folder(redact(text), evidence)


def _without_folder(text: str, evidence: Evidence) -> str:
    """Where a base model lies on the server is nobody's business."""
    stored = evidence.job["base_model"]
    return text.replace(stored, shown_base_model(stored))
