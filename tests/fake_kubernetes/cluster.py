"""The cluster behind the API server: job controller, scheduler, kubelet, and the removal of what was deleted."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from secrets import token_hex
from typing import Any

from tests.fake_kubernetes.faults import Faults
from tests.fake_kubernetes.objects import Kept, KeptPod, moment
from tests.fake_kubernetes.options import GPU, Node, Options
from tests.fake_kubernetes.store import Store

_LOOK_EVERY_S = 0.02
_FOREGROUND = "foregroundDeletion"
_TRANSLATED = {"HOME", "BRIGHTRUN_WORK_DIR", "HF_HOME"}


class Cluster:
    def __init__(self, options: Options) -> None:
        self.options, self.faults, self.store = options, Faults(), Store(options)
        self._tasks: set[asyncio.Task[None]] = set()

    def job_is_there(self, job: Kept) -> None:
        self._spawn(self._control(job))

    def end_job(self, job: Kept) -> None:
        """Foreground: it stays until its pods are gone."""
        if job.ending:
            return
        job.metadata |= {"deletionTimestamp": moment(self.store.now()), "deletionGracePeriodSeconds": 0,
                         "finalizers": [_FOREGROUND]}
        self.store.touch(job)
        self._spawn(self._end_job(job))

    def end_pod(self, pod: KeptPod, reason: str = "", message: str = "") -> None:
        """SIGTERM, and SIGKILL after the pod's grace. `reason`: the cluster does it for that."""
        if pod.ending:
            return
        if reason:
            pod.condition("DisruptionTarget", "True", self.store.now(), reason, message)
        grace_s = pod.spec.get("terminationGracePeriodSeconds", 30)
        pod.metadata |= {"deletionTimestamp": moment(self.store.now()), "deletionGracePeriodSeconds": grace_s}
        self.store.touch(pod)
        self._spawn(self._end_pod(pod, grace_s))

    def pods_of(self, name: str) -> list[KeptPod]:
        job = self.store.jobs.get(name)
        return [pod for pod in self.store.pods.values() if job is not None and pod.owned_by(job.uid)]

    async def evict(self, pod: KeptPod, message: str) -> None:
        """By the kubelet, for lack of a resource: the pod has failed and stays."""
        pod.condition("DisruptionTarget", "True", self.store.now(), "TerminationByKubelet", message)
        pod.status |= {"reason": "Evicted", "message": message}
        await pod.container.stop(0)

    def kill_for_memory(self, pod: KeptPod) -> None:
        pod.oom_killed = True
        assert pod.container.pid is not None
        os.killpg(pod.container.pid, signal.SIGKILL)

    def lose_node(self, pod: KeptPod) -> None:
        """Nobody knows any more how it fares there; the taint manager deletes the pod, which stays as it is."""
        pod.stuck = True
        self.end_pod(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")

    def collect(self, pod: KeptPod) -> None:
        """The lost node is removed from the cluster, and its pods with it."""
        self._release(pod)
        self.store.remove(pod)

    async def close(self) -> None:
        await asyncio.gather(*(pod.container.stop(0) for pod in self.store.pods.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- job controller

    async def _control(self, job: Kept) -> None:
        await asyncio.sleep(self.options.controller_s)
        while job.spec["suspend"] and not job.ending:
            await asyncio.sleep(_LOOK_EVERY_S)
        if job.ending:
            return
        job.condition("Suspended", "False", self.store.now(), "JobResumed", "Job resumed")
        job.status |= {"startTime": moment(self.store.now())}
        while self.faults.no_pods and not job.ending:
            self.store.happened(job, "Job", "FailedCreate", f"Error creating: {self.faults.no_pods}")
            await asyncio.sleep(_LOOK_EVERY_S)
        if job.ending:
            return
        pod = self.store.add_pod(job, f"{job.name}-{token_hex(3)[:5]}")
        job.status |= {"active": 1}
        self.store.touch(job)
        await self._live(pod)
        await self._finish(job, pod)

    async def _finish(self, job: Kept, pod: KeptPod) -> None:
        await asyncio.sleep(self.options.controller_s)
        job.status.pop("active", None)
        if pod.status["phase"] == "Succeeded":
            job.status |= {"succeeded": 1, "completionTime": moment(self.store.now())}
            job.condition("Complete", "True", self.store.now(), "CompletionsReached", "Reached expected number")
        else:
            job.status |= {"failed": 1}
            job.condition("Failed", "True", self.store.now(), "BackoffLimitExceeded",
                          "Job has reached the specified backoff limit")
        pod.metadata.pop("finalizers", None)
        self.store.touch(job)
        if pod.ending and not pod.gone.is_set():
            self.store.remove(pod)

    async def _end_job(self, job: Kept) -> None:
        for pod in [one for one in self.store.pods.values() if one.owned_by(job.uid)]:
            self.end_pod(pod)
            await pod.gone.wait()
        await asyncio.sleep(self.options.controller_s)
        self.store.remove(job)

    # -- scheduler and kubelet

    async def _live(self, pod: KeptPod) -> None:
        """Until it has ended, whoever ended it."""
        await self._place(pod)
        if not pod.ending:
            await self._start(pod)
        if pod.container.pid is not None:
            await pod.container.wait()
            while pod.stuck and not pod.gone.is_set():
                await asyncio.sleep(_LOOK_EVERY_S)
        self._show_end(pod)

    async def _place(self, pod: KeptPod) -> None:
        while not pod.ending:
            free = [node for node in self.options.nodes if _fits(node, pod)]
            if free:
                free[0].gpus -= _gpus(pod)
                pod.node = free[0].name
                pod.spec["nodeName"] = pod.node
                pod.condition("PodScheduled", "True", self.store.now())
                pod.status["startTime"] = moment(self.store.now())
                self.store.touch(pod)
                return
            words = f"0/{len(self.options.nodes)} nodes are available: {_why_not(self.options.nodes, pod)}."
            pod.condition("PodScheduled", "False", self.store.now(), "Unschedulable", words)
            self.store.happened(pod, "Pod", "FailedScheduling", words)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _start(self, pod: KeptPod) -> None:
        self._show(pod, {"waiting": {"reason": "ContainerCreating"}})
        await asyncio.sleep(self.options.pulling_s)
        while not pod.ending:
            environment = self.store.environment_of(pod)
            if self.faults.image:
                self._show(pod, {"waiting": {"reason": "ImagePullBackOff", "message": self.faults.image}})
            elif isinstance(environment, str):
                self._show(pod, {"waiting": {"reason": "CreateContainerConfigError", "message": environment}})
            else:
                await pod.container.start({key: value for key, value in environment.items() if key not in _TRANSLATED})
                pod.status["phase"] = "Running"
                self._show(pod, {"running": {"startedAt": moment(self.store.now())}})
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _end_pod(self, pod: KeptPod, grace_s: float) -> None:
        """The pod is gone when its container is, and the job controller has counted it."""
        if not pod.stuck:
            await pod.container.stop(grace_s)
        counted = "finalizers" not in pod.metadata
        orphaned = not any(pod.owned_by(job.uid) for job in self.store.jobs.values())
        if (counted or orphaned) and not pod.stuck:
            self._release(pod)
            self.store.remove(pod)

    def _show_end(self, pod: KeptPod) -> None:
        code = _exit_code(pod)
        self._release(pod)
        if code is None:
            pod.status["phase"] = "Failed"
            return
        pod.status["phase"] = "Succeeded" if code == 0 and "reason" not in pod.status else "Failed"
        reason = "OOMKilled" if pod.oom_killed else "Completed" if code == 0 else "Error"
        self._show(pod, {"terminated": {"exitCode": code, "reason": reason, "finishedAt": moment(self.store.now())}})

    def _show(self, pod: KeptPod, state: dict[str, Any]) -> None:
        (container,) = pod.spec["containers"]
        running = "running" in state
        pod.status["containerStatuses"] = [{
            "name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0,
            "ready": running, "started": running, "state": state}]
        self.store.touch(pod)

    def _release(self, pod: KeptPod) -> None:
        for node in self.options.nodes:
            if node.name == pod.node:
                node.gpus += _gpus(pod)
        pod.node = ""

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _gpus(pod: KeptPod) -> int:
    (container,) = pod.spec["containers"]
    return int(container["resources"]["limits"].get(GPU, "0"))


def _fits(node: Node, pod: KeptPod) -> bool:
    return _selects(node, pod) and _tolerates(node, pod) and node.gpus >= _gpus(pod)


def _selects(node: Node, pod: KeptPod) -> bool:
    return pod.spec.get("nodeSelector", {}).items() <= node.labels.items()


def _tolerates(node: Node, pod: KeptPod) -> bool:
    tolerated = {one.get("key") for one in pod.spec.get("tolerations", [])}
    return set(node.taints) <= tolerated


def _why_not(nodes: list[Node], pod: KeptPod) -> str:
    """The scheduler's words."""
    others = sum(not _selects(node, pod) for node in nodes)
    tainted = sum(_selects(node, pod) and not _tolerates(node, pod) for node in nodes)
    full = len(nodes) - others - tainted
    told = [(full, f"{full} Insufficient {GPU}"), (tainted, f"{tainted} node(s) had untolerated taint(s)"),
            (others, f"{others} node(s) didn't match Pod's node affinity/selector")]
    return ", ".join(words for count, words in told if count)


def _exit_code(pod: KeptPod) -> int | None:
    """None: nothing ever ran in it."""
    process = getattr(pod.container, "_process", None)
    with suppress(AttributeError):
        code = process.returncode
        return None if code is None else 128 - code if code < 0 else code
    return None
