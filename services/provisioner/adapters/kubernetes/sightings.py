"""How a machine fares, out of its Job and its pod. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from services.provisioner.adapters.kubernetes.documents import Condition, ContainerState, Job, Pod, Terminated, Waiting
from services.provisioner.adapters.kubernetes.manifests import CONTAINER

# What the cluster tries again and again, and an operator has to mend.
_BROKEN = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
                     "RegistryUnavailable", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
# Of a pod that was ended by the cluster: none of its container's doing.
_TAKEN = frozenset({"Evicted", "Preempting", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity",
                    "UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "DeadlineExceeded"})
_WHY = {
    "PreemptionByScheduler": "a pod of higher priority took its node",
    "DeletionByTaintManager": "its node is lost or was tainted",
    "EvictionByEvictionAPI": "its node is being emptied",
    "DeletionByPodGC": "its node is gone",
    "TerminationByKubelet": "its node is short of resources or shuts down",
    "Evicted": "its node is short of resources",
    "NodeLost": "its node is lost",
    "DeadlineExceeded": "its time was over",
}
_SIGKILL = 137


class Phase(Enum):
    UNPLACED = "unplaced"  # no node has taken it: it costs nothing
    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True)
class Sighting:
    """`placed_at`: since then a node is held. `words`: for people, why it does not go on, or how it ended."""

    phase: Phase
    placed_at: datetime | None = None
    exit_code: int | None = None
    exited_at: datetime | None = None
    words: str = ""
    began: bool = False
    out_of_memory: bool = False
    # The node is free again, though the pod may be there to be looked at.
    gave_back: bool = False


def sighting(job: Job | None, pod: Pod | None, at: datetime, image_wait_s: float) -> Sighting:
    """`at`: now, by the server's clock. One of the two is there."""
    if pod is None:
        return _without_pod(job)
    placed_at = _placed_at(pod)
    ended = _ended(pod, placed_at)
    if ended is not None:
        return ended
    state = _state(pod)
    if state is not None and state.running is not None:
        return Sighting(Phase.RUNNING, placed_at or state.running.started_at, began=True, words=_taken(pod))
    if placed_at is None:
        return Sighting(Phase.UNPLACED, words=_why_unplaced(pod))
    return _starting(placed_at, state.waiting if state else None, at, image_wait_s)


def newest(pods: list[Pod]) -> Pod | None:
    return max(pods, key=lambda pod: pod.metadata.creation_timestamp, default=None)


def _without_pod(job: Job | None) -> Sighting:
    """A Job that is over and whose pod was removed by somebody else, or one that has no pod yet."""
    over = job.status.condition("Failed", "Complete") if job else None
    if over is None:
        return Sighting(Phase.UNPLACED, words="the cluster has made no pod for it yet")
    code = 0 if over.type == "Complete" else None
    return Sighting(Phase.EXITED, exit_code=code, exited_at=over.last_transition_time,
                    words=_sentence("its pod was removed", over), gave_back=True)


def _placed_at(pod: Pod) -> datetime | None:
    scheduled = pod.status.condition("PodScheduled")
    return (scheduled.last_transition_time if scheduled else None) or pod.status.start_time


def _ended(pod: Pod, placed_at: datetime | None) -> Sighting | None:
    """None while it has not. A container that was ended by the cluster has no exit code of its own."""
    state = _state(pod)
    terminated = state.terminated if state else None
    if terminated is None and pod.status.phase not in ("Succeeded", "Failed"):
        return None
    taken = _taken(pod) if pod.status.phase != "Succeeded" else ""
    if terminated is None:
        return Sighting(Phase.EXITED, placed_at, 0 if pod.status.phase == "Succeeded" else None,
                        words=taken or pod.status.message or f"the pod has {pod.status.phase.lower()}", gave_back=True)
    killed = terminated.reason == "OOMKilled"
    code = None if taken and not killed else terminated.exit_code
    return Sighting(Phase.EXITED, placed_at, _SIGKILL if killed else code, terminated.finished_at,
                    _how(terminated) if killed or not taken else taken, True, killed, True)


def _starting(placed_at: datetime, waiting: Waiting | None, at: datetime, image_wait_s: float) -> Sighting:
    if waiting is None:
        return Sighting(Phase.STARTING, placed_at)
    words = f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason
    if waiting.reason in _BROKEN and at >= placed_at + timedelta(seconds=image_wait_s):
        return Sighting(Phase.EXITED, placed_at, words=f"the container cannot be started: {words}")
    return Sighting(Phase.STARTING, placed_at, words=words)


def _state(pod: Pod) -> ContainerState | None:
    found = [one.state for one in pod.status.container_statuses or () if one.name == CONTAINER]
    return found[0] if found else None


def _taken(pod: Pod) -> str:
    """Why the cluster takes it away; empty: it does not."""
    target = pod.status.condition("DisruptionTarget")
    if target is not None:
        return _sentence("", target)
    if pod.status.reason in _TAKEN:
        return _sentence("", Condition(type="", status="", reason=pod.status.reason, message=pod.status.message))
    return ""


def _why_unplaced(pod: Pod) -> str:
    refused = pod.status.refused("PodScheduled")
    return refused.message if refused else ""


def _how(terminated: Terminated) -> str:
    if terminated.reason == "OOMKilled":
        return "the container used more main memory than it may and was killed (OOMKilled)"
    return f"{terminated.reason}: {terminated.message}"[:500] if terminated.message else terminated.reason


def _sentence(begin: str, condition: Condition) -> str:
    why = _WHY.get(condition.reason, condition.reason)
    return ": ".join(part for part in (begin, why, condition.message) if part)[:500]
