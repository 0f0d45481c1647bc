"""The REST API as methods. Every method raises ApiError (a problem document) or Unreachable."""

import mimetypes
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from brightrun.calls import ROOT as ROOT
from brightrun.calls import given
from brightrun.credentials import Credentials, find_credentials
from brightrun.http import Http
from brightrun.models import Download, Job, Page, QueuePage, TrainingFile
from brightrun.money import Money
from brightrun.notifications import Notifications
from brightrun.people import People
from brightrun.results import Results

# The server may let an upload wait a minute for its turn, and read it for four.
_UPLOAD_TIMEOUT_S = 360


class Client(Results, People, Money, Notifications):
    """`with Client() as client:` finds URL and key by itself; see brightrun.credentials."""

    def __init__(self, credentials: Credentials | None = None, http: Http | None = None) -> None:
        self.credentials = http.credentials if http else credentials or find_credentials()
        self.http = http or Http(self.credentials)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def upload(self, path: Path) -> TrainingFile:
        """Upload and check a training file; streamed from disk."""
        with path.open("rb") as file:
            return self.upload_content(path.name, file)

    def upload_content(self, name: str, content: BinaryIO, /, **fields: str) -> TrainingFile:
        """The same from an open file that can be read again. `fields`: name and description to be shown."""
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        answer = self.http.json(
            "POST",
            f"{ROOT}/files",
            files={"file": (name, content, media_type)},
            data=given(fields),
            rewind=lambda: content.seek(0),
            timeout=_UPLOAD_TIMEOUT_S,
        )
        return TrainingFile.model_validate(answer)

    def files(self, limit: int = 50, after: str | None = None, **filters: Any) -> Page:
        return self.page("/files", limit=limit, after=after, **filters)

    def file(self, file_id: str) -> dict[str, Any]:
        """With every finding of its report."""
        return dict(self.http.json("GET", f"{ROOT}/files/{file_id}"))

    def accept_warnings(self, file_id: str) -> dict[str, Any]:
        return dict(self.http.json("POST", f"{ROOT}/files/{file_id}/accept-warnings"))

    def delete_file(self, file_id: str) -> dict[str, Any]:
        """One that no job uses."""
        return dict(self.http.json("DELETE", f"{ROOT}/files/{file_id}"))

    def preview(self, file_id: str, **query: int) -> dict[str, Any]:
        """`query`: max_seq_length, limit."""
        return dict(self.http.json("GET", f"{ROOT}/files/{file_id}/preview", params=given(query)))

    def estimate(self, file_id: str, **choice: Any) -> dict[str, Any]:
        parameters = given({"training_file_id": file_id, **choice})
        return dict(self.http.json("GET", f"{ROOT}/cost-estimate", params=parameters))

    def create_job(self, file_id: str, **choice: Any) -> Job:
        return Job.model_validate(
            self.http.json("POST", f"{ROOT}/jobs", json=given({"training_file_id": file_id, **choice}))
        )

    def create_exactly(self, body: dict[str, Any], request_id: str) -> Job:
        """What is empty in `body` is meant to be. `request_id`: the same again makes no second job."""
        headers = {"Idempotency-Key": request_id}
        return Job.model_validate(self.http.json("POST", f"{ROOT}/jobs", json=body, headers=headers))

    def job(self, job_id: str) -> Job:
        return Job.model_validate(self.http.json("GET", f"{ROOT}/jobs/{job_id}"))

    def jobs(self, limit: int = 20, **filters: Any) -> Page:
        return self.page("/jobs", limit=limit, **filters)

    def jobs_csv(self, **filters: Any) -> str:
        """All jobs that match, as CSV."""
        parameters = given({**filters, "format": "csv"})
        return self.http.send("GET", f"{ROOT}/jobs", params=parameters, timeout=300).text

    def job_filters(self) -> dict[str, Any]:
        """Tags, clients, projects and creators in use, the most used first."""
        return dict(self.http.json("GET", f"{ROOT}/job-filters"))

    def edit_job(self, job_id: str, **changes: Any) -> Job:
        """Name, description, notes, tags, client, project. `notes_revision`: what `notes` is an edit of; ApiError with
        the code notes_conflict, and both texts, when there is a newer one."""
        return Job.model_validate(self.http.json("PATCH", f"{ROOT}/jobs/{job_id}", json=changes))

    def notes_history(self, job_id: str, limit: int = 20, after: str | None = None) -> Page:
        """Every text that the notes have had, the newest first."""
        return self.page(f"/jobs/{job_id}/notes/history", limit=limit, after=after)

    def templates(self, limit: int = 50, **filters: Any) -> Page:
        """Those of the product, shared in the workspace, and the caller's own, with how jobs from them went."""
        return self.page("/templates", limit=limit, **filters)

    def template(self, template_id: str) -> dict[str, Any]:
        return dict(self.http.json("GET", f"{ROOT}/templates/{template_id}"))

    def create_template(self, name: str, **values: Any) -> dict[str, Any]:
        """`values`: as for `create_job`, and `visibility`: private or shared."""
        return dict(self.http.json("POST", f"{ROOT}/templates", json=given({"name": name, **values})))

    def save_as_template(self, job_id: str, **values: Any) -> dict[str, Any]:
        """What a job was told, under a name. `values`: name, description, visibility, with_file, notes, tags."""
        return dict(self.http.json("POST", f"{ROOT}/jobs/{job_id}/template", json=given(values)))

    def edit_template(self, template_id: str, **changes: Any) -> dict[str, Any]:
        return dict(self.http.json("PATCH", f"{ROOT}/templates/{template_id}", json=changes))

    def delete_template(self, template_id: str) -> dict[str, Any]:
        """Jobs that were made from it stay."""
        return dict(self.http.json("DELETE", f"{ROOT}/templates/{template_id}"))

    def start(self, job_id: str) -> Job:
        return self._act(job_id, "start")

    def cancel(self, job_id: str, reason: str = "") -> Job:
        return self._act(job_id, "cancel", json={"reason": reason} if reason else None)

    def bulk(self, action: str, job_ids: list[str], reason: str = "") -> dict[str, Any]:
        """Cancel or delete up to 100 jobs; what cannot be done says why in `data`."""
        body = given({"action": action, "job_ids": job_ids, "reason": reason})
        return dict(self.http.json("POST", f"{ROOT}/bulk/jobs", json=body))

    def promote(self, job_id: str) -> Job:
        """In front of all that wait (owners and admins)."""
        return self._act(job_id, "promote")

    def queue(self, limit: int = 50, after: int = 0) -> QueuePage:
        """The jobs that wait for their turn, in order."""
        return QueuePage.model_validate(
            self.http.json("GET", f"{ROOT}/queue", params=given({"limit": limit, "after": after or None}))
        )

    def pause(self, job_id: str, reason: str = "") -> Job:
        return self._act(job_id, "pause", json={"reason": reason} if reason else None)

    def resume(self, job_id: str, tier: str | None = None) -> Job:
        return self._act(job_id, "resume", json={"gpu_pricing_tier": tier} if tier else None)

    def change_tier(self, job_id: str, tier: str, reason: str = "") -> Job:
        return self._act(job_id, "tier", json={"pricing_tier": tier, "reason": reason})

    def continue_job(self, job_id: str, start: bool = True, **choice: Any) -> Job:
        """A new job from the newest checkpoint of one that failed or was cancelled."""
        return self._act(job_id, "continue", json=given({**choice, "start": start}))

    def retry(self, job_id: str, start: bool = True) -> Job:
        return self._act(job_id, "retry", json={"start": start})

    def propose_retry(self, job_id: str, **choice: Any) -> dict[str, Any]:
        """What a retry would change, field by field; nothing is created. `choice`: as for `confirm_retry`."""
        return self._retry(job_id, False, choice)

    def confirm_retry(self, job_id: str, **choice: Any) -> Job:
        """Make and start the retry. `choice`: apply_adjustments, hyperparameters, gpu_pricing_tier, max_duration_s."""
        return Job.model_validate(self._retry(job_id, True, choice))

    def error(self, job_id: str) -> dict[str, Any]:
        """Why a job failed, with the last lines of its trainer."""
        return dict(self.http.json("GET", f"{ROOT}/jobs/{job_id}/error"))

    def error_log(self, job_id: str) -> bytes:
        """A ZIP for support: trace, events, configuration, versions, attempts, last output."""
        return self.http.send("GET", f"{ROOT}/jobs/{job_id}/error-log").content

    def error_statistics(self, **filters: Any) -> dict[str, Any]:
        """The workspace's failures, the most frequent first, and how retries went."""
        return dict(self.http.json("GET", f"{ROOT}/errors/stats", params=given(filters)))

    def events(self, job_id: str, limit: int = 50, **filters: Any) -> Page:
        return self.page(f"/jobs/{job_id}/events", limit=limit, **filters)

    def all_events(self, job_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every event that matches, oldest first, a page at a time."""
        after = None
        while True:
            page = self.events(job_id, limit=100, after=after, **filters)
            yield from page.data
            if not page.has_more:
                return
            after = page.next_cursor

    def attempts(self, job_id: str) -> dict[str, Any]:
        return dict(self.http.json("GET", f"{ROOT}/jobs/{job_id}/attempts"))

    def compare(self, job_ids: list[str], max_points: int | None = None) -> dict[str, Any]:
        """Two to four jobs side by side, with a recommendation; `max_points`: with their loss curves."""
        parameters = given({"job": job_ids, "max_points": max_points})
        return dict(self.http.json("GET", f"{ROOT}/comparisons", params=parameters))

    def analytics(self, **filters: Any) -> dict[str, Any]:
        """The workspace's ended jobs added up. `filters`: from, to, preset, creator, client."""
        return dict(self.http.json("GET", f"{ROOT}/analytics", params=given(filters)))

    def interruption_rates(self) -> dict[str, Any]:
        """How many of the workspace's machines were lost so far, on each tier."""
        return dict(self.http.json("GET", f"{ROOT}/interruption-rates"))

    def analytics_csv(self, table: str = "weeks", **filters: Any) -> str:
        """`table`: weeks, presets, people, clients, errors or jobs."""
        parameters = given({**filters, "table": table, "format": "csv"})
        return self.http.send("GET", f"{ROOT}/analytics", params=parameters, timeout=300).text

    def logs(self, job_id: str, offset: int = 0, attempt: int | None = None) -> dict[str, Any]:
        parameters = given({"offset": offset, "attempt": attempt})
        return dict(self.http.json("GET", f"{ROOT}/jobs/{job_id}/logs", params=parameters))

    def log_lines(self, job_id: str, **query: Any) -> dict[str, Any]:
        """A page of lines of the trainer's output: `after`, `before` or `tail`, and attempt, level, search, limit."""
        return dict(self.http.json("GET", f"{ROOT}/jobs/{job_id}/logs", params=given(query)))

    def adapter_download(self, job_id: str, file_format: str = "safetensors") -> Download:
        answer = self.http.json(
            "GET", f"{ROOT}/jobs/{job_id}/download/adapters", params={"format": file_format}, timeout=300
        )
        return Download.model_validate(answer)

    def metrics_download(self, job_id: str, file_format: str = "csv") -> Download:
        answer = self.http.json(
            "GET", f"{ROOT}/jobs/{job_id}/download/metrics", params={"format": file_format}, timeout=300
        )
        return Download.model_validate(answer)

    def status(self) -> dict[str, Any]:
        return dict(self.http.json("GET", f"{ROOT}/status"))

    def operations(self) -> dict[str, Any]:
        """The whole installation at a glance (operators): services, machines, leaks, dead letters, queues."""
        return dict(self.http.json("GET", f"{ROOT}/operations"))

    def sign_out(self) -> dict[str, Any]:
        """The session that asks ends."""
        return dict(self.http.json("POST", f"{ROOT}/auth/logout"))

    def dead_letters(self, limit: int = 50, after: str | None = None) -> Page:
        return self.page("/dead-letters", limit=limit, after=after)

    def dead_letter(self, sequence: int) -> dict[str, Any]:
        return dict(self.http.json("GET", f"{ROOT}/dead-letters/{sequence}"))

    def replay(self, sequence: int | None) -> dict[str, Any]:
        """One dead letter, or all of them when `sequence` is None."""
        path = f"{sequence}/replay" if sequence is not None else "replay-all"
        return dict(self.http.json("POST", f"{ROOT}/dead-letters/{path}"))

    def audit(self, limit: int = 50, **filters: Any) -> Page:
        """Who did what, the newest first (owners and admins)."""
        return self.page("/audit", limit=limit, **filters)

    def audit_csv(self, **filters: Any) -> str:
        """All entries that match, as CSV."""
        parameters = given({**filters, "format": "csv"})
        return self.http.send("GET", f"{ROOT}/audit", params=parameters, timeout=300).text

    def _retry(self, job_id: str, confirm: bool, choice: dict[str, Any]) -> dict[str, Any]:
        body = given(choice) | {"confirm": confirm}
        return dict(self.http.json("POST", f"{ROOT}/jobs/{job_id}/retry", json=body))

    def _act(self, job_id: str, action: str, **arguments: Any) -> Job:
        return Job.model_validate(self.http.json("POST", f"{ROOT}/jobs/{job_id}/{action}", **arguments))
