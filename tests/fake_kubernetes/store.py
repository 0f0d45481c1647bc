"""What the API server keeps, with its clock and its versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fake_kubernetes.objects import Document, Kept, KeptPod, Refused, decoded, encoded, moment, new_object
from tests.fake_kubernetes.options import Options
from tests.fake_kubernetes.schemas import errors

_LONGEST_NAME = 63


class Store:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.jobs: dict[str, Kept] = {}
        self.pods: dict[str, KeptPod] = {}
        self.secrets: dict[str, Kept] = {}
        self.events: list[Document] = []
        self._version, self._ahead = 1000, timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def touch(self, kept: Kept) -> None:
        """It has changed: a new version of it."""
        self._version += 1
        kept.metadata["resourceVersion"] = str(self._version)

    def version(self) -> str:
        return str(self._version)

    def add_job(self, given: Document) -> Kept:
        self._check(given, "io.k8s.api.batch.v1.Job")
        name = given["metadata"]["name"]
        self._check_name(self.jobs, name, "jobs.batch")
        kept = Kept(new_object(given, self.options.namespace, self.now()))
        kept.spec.setdefault("suspend", False)
        kept.spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": kept.uid}}
        if kept.spec["suspend"]:
            kept.condition("Suspended", "True", self.now(), "JobSuspended", "Job suspended")
        self.jobs[name] = kept
        self.touch(kept)
        return kept

    def add_secret(self, given: Document) -> Kept:
        self._check(given, "io.k8s.api.core.v1.Secret")
        name = given["metadata"]["name"]
        self._check_name(self.secrets, name, "secrets")
        kept = Kept(encoded(new_object(given, self.options.namespace, self.now())))
        self.secrets[name] = kept
        self.touch(kept)
        return kept

    def add_pod(self, job: Kept, name: str) -> KeptPod:
        template = job.spec["template"]
        labels = {**template["metadata"].get("labels", {}), "batch.kubernetes.io/job-name": job.name,
                  "batch.kubernetes.io/controller-uid": job.uid}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job.name, "uid": job.uid, "controller": True,
                 "blockOwnerDeletion": True}
        given = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"], "status": {"phase": "Pending"},
                 "metadata": {"name": name, "labels": labels, "ownerReferences": [owner],
                              "finalizers": ["batch.kubernetes.io/job-tracking"]}}
        folder = self.options.folder / name
        folder.mkdir(parents=True)
        kept = KeptPod(new_object(given, self.options.namespace, self.now()), self.options.new_container(folder))
        self.pods[name] = kept
        self.touch(kept)
        return kept

    def remove(self, kept: Kept) -> None:
        """With the Secrets that it owned."""
        for family in (self.jobs, self.pods, self.secrets):
            if family.get(kept.name) is kept:
                del family[kept.name]
        kept.gone.set()
        for secret in [one for one in self.secrets.values() if one.owned_by(kept.uid)]:
            self.remove(secret)

    def happened(self, about: Kept, kind: str, reason: str, message: str) -> None:
        """An Event; the same one again is counted."""
        same = [one for one in self.events if one["involvedObject"]["uid"] == about.uid and one["message"] == message]
        if same:
            same[0] |= {"count": same[0]["count"] + 1, "lastTimestamp": moment(self.now())}
            return
        self._version += 1
        self.events.append({
            "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": reason, "message": message, "count": 1,
            "firstTimestamp": moment(self.now()), "lastTimestamp": moment(self.now()), "source": {"component": "fake"},
            "involvedObject": {"kind": kind, "name": about.name, "namespace": self.options.namespace, "uid": about.uid},
            "metadata": {"name": f"{about.name}.{self._version}", "namespace": self.options.namespace,
                         "resourceVersion": str(self._version)}})

    def environment_of(self, pod: KeptPod) -> dict[str, str] | str:
        """Of its container; a text when a Secret is missing."""
        (container,) = pod.spec["containers"]
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            name = source["secretRef"]["name"]
            if name not in self.secrets:
                return f'secret "{name}" not found'
            found |= decoded(self.secrets[name].document)
        return found | {one["name"]: one.get("value", "") for one in container.get("env", [])}

    def _check(self, given: Any, schema: str) -> None:
        if found := errors(schema, given):
            raise Refused(400, "BadRequest", f"strict decoding error: {found[0]}")

    def _check_name(self, family: dict[str, Any], name: str, kind: str) -> None:
        if len(name) > _LONGEST_NAME:
            raise Refused(422, "Invalid", f'{kind} "{name}" is invalid: metadata.name: no more than 63 characters')
        if (there := family.get(name)) is not None:
            being = "object is being deleted: " if there.ending else ""
            raise Refused(409, "AlreadyExists", f'{being}{kind} "{name}" already exists')
