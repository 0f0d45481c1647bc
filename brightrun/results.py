"""What a job brought: curves, verdict, artifacts. The part of the client that reads them."""

from typing import Any

from brightrun.calls import ROOT, Calls


class Results(Calls):
    """Methods of `brightrun.client.Client`."""

    def metrics(self, job_id: str, names: list[str], **bounds: Any) -> dict[str, Any]:
        """Series of these metrics; `from_step`, `to_step`, `max_points`."""
        given = {name: value for name, value in bounds.items() if value is not None}
        return self._read(job_id, "metrics", metrics=",".join(names), **given)

    def evaluation(self, job_id: str, limit: int = 100) -> dict[str, Any]:
        """The verdict and the conversations behind it, those that lost most first."""
        return self._read(job_id, "evaluation", limit=limit)

    def artifacts(self, job_id: str) -> list[dict[str, Any]]:
        return list(self._read(job_id, "artifacts")["data"])

    def downloads(self, job_id: str, limit: int = 50) -> list[dict[str, Any]]:
        """Who took what, the newest first."""
        return list(self._read(job_id, "downloads", limit=limit)["data"])

    def export_events(self, job_id: str, form: str) -> bytes:
        """The whole log as one file: `csv` or `json`."""
        answer = self.http.send("GET", f"{ROOT}/jobs/{job_id}/events", params={"format": form}, timeout=300)
        return answer.content

    def presets(self) -> list[dict[str, Any]]:
        return list(self.http.json("GET", f"{ROOT}/presets")["data"])

    def hyperparameters(self) -> list[dict[str, Any]]:
        """What each of them does, with its limits."""
        return list(self.http.json("GET", f"{ROOT}/presets")["hyperparameters"])

    def delete_job(self, job_id: str) -> dict[str, Any]:
        """Only one that was never started."""
        return dict(self.http.json("DELETE", f"{ROOT}/jobs/{job_id}"))

    def _read(self, job_id: str, what: str, **parameters: Any) -> dict[str, Any]:
        return dict(self.http.json("GET", f"{ROOT}/jobs/{job_id}/{what}", params=parameters))
