"""Pod Security "restricted" and more: nothing is root, writes its image, holds a token or takes a node down."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.k8s.rendered import Document, containers, label, of_kind, pod, workloads

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_PINNED = re.compile(r"(:[^/:@]+|@sha256:[0-9a-f]{64})$")
_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def unrestricted(documents: list[Document]) -> list[str]:
    return [f"{label(workload)}: {problem}" for workload in workloads(documents)
            for problem in (*_pod(workload), *(text for c in containers(workload) for text in _container(c)))]


def _pod(workload: Document) -> Iterator[str]:
    spec = pod(workload)
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "may run as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "has no seccomp profile"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares a namespace of its node"
    for volume in spec.get("volumes", []):
        if foreign := set(volume) - {"name"} - _VOLUMES:
            yield f"mounts {', '.join(foreign)}"


def _container(container: Document) -> Iterator[str]:
    name, context = container["name"], container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{name} keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{name} writes its root file system"
    if context.get("privileged") or context.get("runAsUser") == 0:
        yield f"{name} is privileged"


def unlimited(documents: list[Document]) -> list[str]:
    """Of the processor no limit: it throttles where nobody else wants it."""
    wanted = {"requests": {"cpu", "memory"}, "limits": {"memory"}}
    return [f"{label(workload)}: {container['name']} has no {kind} of {missing}" for workload in workloads(documents)
            for container in containers(workload) for kind, names in wanted.items()
            for missing in sorted(names - set(container.get("resources", {}).get(kind, {})))]


def tokens(documents: list[Document]) -> list[str]:
    """Pods that could talk to the API server."""
    return [f"{label(workload)} holds a token" for workload in workloads(documents)
            if pod(workload).get("automountServiceAccountToken") is not False or _projects_a_token(workload)]


def _projects_a_token(workload: Document) -> bool:
    volumes = pod(workload).get("volumes", [])
    return any("serviceAccountToken" in source for v in volumes for source in v.get("projected", {}).get("sources", []))


def shared_accounts(documents: list[Document]) -> list[str]:
    accounts = {d["metadata"]["name"] for d in of_kind(documents, "ServiceAccount")}
    ours = [w for w in workloads(documents) if pod(w)["containers"][0]["name"] == "service"]
    return [f"{label(workload)} has no account of its own" for workload in ours
            if pod(workload).get("serviceAccountName") not in accounts]


def floating_images(documents: list[Document]) -> list[str]:
    return [f"{label(workload)}: {container['image']}" for workload in workloads(documents)
            for container in containers(workload)
            if not _PINNED.search(container["image"]) or container["image"].endswith(":latest")]


def undigested(documents: list[Document]) -> list[str]:
    """A tag can be pushed anew: the product's own image is named by its digest."""
    return [f"{label(workload)}: {container['image']}" for workload in workloads(documents)
            for container in containers(workload)
            if pod(workload)["containers"][0]["name"] == "service" and not _DIGEST.search(container["image"])]


def lax_namespaces(documents: list[Document]) -> list[str]:
    key = "pod-security.kubernetes.io/enforce"
    return [f"{label(d)} does not enforce" for d in of_kind(documents, "Namespace")
            if d["metadata"].get("labels", {}).get(key) != "restricted"]
