"""One drill, step by step; each says what it does and what it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.backup.embedded import embedded
from ops.backup.errors import BackupError
from ops.drill.facts import Facts, collect
from ops.drill.throwaway import Cloud, ThrowAway


@dataclass
class Outcome:
    """`rpo_s`: what the last transaction that came back was older than the destruction. `rto_s`: from the begin of the
    restore until the API answered; `resumed_s`: until the job that trained made its next step."""

    rpo_s: float = 0.0
    restore_s: float = 0.0
    rto_s: float = 0.0
    resumed_s: float = 0.0
    state_bytes: int = 0
    lost: dict[str, int] | None = None
    running_job: str = ""
    running_job_says: str = ""
    machines_left: int = 0
    compared: dict[str, int] | None = None


class Drill:
    """`short` and `long` are epochs: of the job that has ended when the power goes, and of the one that trains."""

    def __init__(self, place: ThrowAway, report: Callable[[str], None], *, short: int = 1, long: int = 12) -> None:
        self.place, self._report, self._short, self._long = place, report, short, long
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Raises BackupError when a step fails."""
        with self._step("an installation that backs itself up"):
            self.place.command("stack", "up")
            self._wait_for_base()
        with self._step("a job that finishes after the base backup"):
            finished = self.place.start_job("finished", self._short)
            self.place.wait_for(finished, lambda job: job.has_ended and job.cost_is_final)
        with self._step("a job that trains, with a checkpoint"):
            running = self.place.start_job("running", self._long)
            self.place.wait_for(running, lambda job: job.has_ended or self._has_checkpoint(running))
        before = self._facts()
        if self.place.cloud:
            self._rent_unseen(self.place.cloud)
        with self._step("everything is killed and deleted"):
            destroyed_at = datetime.now(UTC)
            self.outcome.state_bytes = _bytes_below(self.place)
            self.place.destroy()
        began = time.monotonic()
        with self._step("restore"):
            state_of = self._restore()
            self.outcome.restore_s = time.monotonic() - began
            self.outcome.rpo_s = (destroyed_at - state_of).total_seconds()
        with self._step("start"):
            self.place.command("stack", "up")
            self.outcome.rto_s = time.monotonic() - began
        self._follow(running, began)
        self._compare(before)
        return self.outcome

    def _wait_for_base(self) -> None:
        _wait(lambda: "made" in self.place.command("ops.backup", "list"), "no base backup was made")

    def _rent_unseen(self, cloud: Cloud) -> None:
        """A machine that no backup knows of."""
        with self._step("a machine is rented of which nothing is shipped any more"):
            self.place.command("stack", "stop", "backup")
            self.place.start_job("unseen", self._long)
            _wait(lambda: cloud.machines() > 1, "no second machine was rented")

    def _has_checkpoint(self, job_id: str) -> bool:
        with self.place.client() as client:
            return bool(client.events(job_id, type="checkpoint.saved").data)

    def _facts(self) -> Facts:
        return collect(embedded(self.place.data.resolve()).postgres, self.place.data / "s3")

    def _restore(self) -> datetime:
        said = self.place.command("ops.backup", "restore")
        self._report(said.strip().splitlines()[-2])
        mark = "as of "
        if mark not in said:
            raise BackupError(f"Nothing was replayed: {said}")
        return datetime.fromisoformat(said.split(mark)[1].split(" UTC")[0] + "+00:00")

    def _follow(self, job_id: str, began: float) -> None:
        """The job that trained goes on, or ends with a reason."""
        with self._step("the job that trained"):
            reached = self.place.job(job_id).current_step or 0
            self.place.wait_for(job_id, lambda job: job.has_ended or (job.current_step or 0) > reached)
            self.outcome.resumed_s = time.monotonic() - began
            job = self.place.wait_for(job_id, lambda job: job.has_ended and job.cost_is_final, 600)
        self.outcome.running_job = str(job.status)
        self.outcome.running_job_says = str(
            job.error["message"] if job.error else f"{job.checkpoint_recovery_count} recovery")

    def _compare(self, before: Facts) -> None:
        after = self._facts()
        self.outcome.lost = before.missing_from(after)
        self.outcome.compared = {name: len(rows) for name, rows in before.rows.items()} | {
            "objects": len(before.objects)}
        [row] = embedded(self.place.data.resolve()).postgres.query(
            "SELECT count(*) AS up FROM pods WHERE status <> 'terminated'", database="provisioner")
        self.outcome.machines_left = row["up"]
        if cloud := self.place.cloud:
            with self._step("machines that nobody knows end"):
                _wait(lambda: cloud.machines() == 0, "a machine is still rented")

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        self._report(f"{title} ...")
        began = time.monotonic()
        yield
        self._report(f"  {time.monotonic() - began:.1f} s")


def _wait(condition: Callable[[], bool], failure: str, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise BackupError(f"{failure} after {timeout_s:.0f} s.")
        time.sleep(0.5)


def failures(outcome: Outcome) -> list[str]:
    """Why the drill failed; empty when it did not."""
    found = [f"{count} of {name} did not come back as they were" for name, count in (outcome.lost or {}).items()]
    if outcome.machines_left:
        found.append(f"{outcome.machines_left} machines are still rented")
    if outcome.running_job not in ("completed", "failed"):
        found.append(f"the job that trained is {outcome.running_job}")
    return found


def _bytes_below(place: ThrowAway) -> int:
    return sum(path.stat().st_size for path in place.data.rglob("*") if path.is_file() and not path.is_symlink())


def document(outcome: Outcome) -> dict[str, Any]:
    return dict(vars(outcome))
