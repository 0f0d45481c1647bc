"""A rolling update and a node that is drained cost no request and no message."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.rendered import Document, environment, label, labels, of_kind, pod, services

_CLOSING_S = 5


def lone_replicas(documents: list[Document]) -> list[str]:
    """Services that may stand alone: fewer than two, by themselves or by their scaler."""
    least = {name: deployment["spec"].get("replicas", 0) for name, deployment in services(documents).items()}
    for scaler in of_kind(documents, "HorizontalPodAutoscaler", "ScaledObject"):
        spec = scaler["spec"]
        name = spec["scaleTargetRef"]["name"].replace("-", "_")
        least[name] = spec.get("minReplicas", spec.get("minReplicaCount", 0))
    return [f"{name}: {count} replicas at least" for name, count in least.items() if count < 2]


def fought_over(documents: list[Document]) -> list[str]:
    """A number in the Deployment undoes its scaler's with every apply."""
    scalers = of_kind(documents, "HorizontalPodAutoscaler", "ScaledObject")
    scaled = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers}
    return [f"{label(d)} has replicas and a scaler" for d in of_kind(documents, "Deployment")
            if d["metadata"]["name"] in scaled and "replicas" in d["spec"]]


def evicted_together(documents: list[Document]) -> list[str]:
    """Services without a budget of their own for disruptions."""
    budgets = [d["spec"]["selector"]["matchLabels"] for d in of_kind(documents, "PodDisruptionBudget")
               if d["spec"].get("maxUnavailable") == 1]
    return [f"{name} has no PodDisruptionBudget" for name, deployment in services(documents).items()
            if not any(selector.items() <= labels(deployment).items() for selector in budgets)]


def hurried_ends(documents: list[Document]) -> list[str]:
    """Pods that are killed before they could have ended by themselves."""
    return [problem for name, deployment in services(documents).items()
            for problem in _hurried(name, deployment, documents)]


def _hurried(name: str, deployment: Document, documents: list[Document]) -> Iterator[str]:
    [container] = pod(deployment)["containers"]
    told = environment(container, documents)
    sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain, grace = float(told.get("BRIGHTRUN_DRAIN_S", 0)), int(told.get("BRIGHTRUN_SHUTDOWN_GRACE_S", 20))
    allowed = pod(deployment)["terminationGracePeriodSeconds"]
    if not sleep or not drain:
        yield f"{name} does not drain (preStop {sleep} s, drain {drain:g} s)"
    if allowed <= sleep + drain + grace + _CLOSING_S:
        yield f"{name} gets {allowed} s and needs {sleep + drain + grace + _CLOSING_S:g} s"


def unprobed(documents: list[Document]) -> list[str]:
    """Alive and ready are different questions: a restart mends no database."""
    wanted = {"startupProbe": "/health/live", "livenessProbe": "/health/live", "readinessProbe": "/health/ready"}
    return [f"{name}: {probe} does not ask {path}" for name, deployment in services(documents).items()
            for probe, path in wanted.items()
            if pod(deployment)["containers"][0].get(probe, {}).get("httpGet", {}).get("path") != path]


def gaps_in_a_rollout(documents: list[Document]) -> list[str]:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return [f"{name} is not replaced one by one" for name, deployment in services(documents).items()
            if deployment["spec"].get("strategy") != rolling or deployment["spec"].get("minReadySeconds", 0) < 5]


def crowded(documents: list[Document]) -> list[str]:
    """Replicas that one node or one zone could take along."""
    wanted = {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    return [f"{name} is not spread" for name, deployment in services(documents).items()
            if {each["topologyKey"] for each in pod(deployment).get("topologySpreadConstraints", [])} < wanted]
