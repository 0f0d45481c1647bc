"""The part of a rendered overlay that `podman play kube` can start: pods, ConfigMaps, volumes.

podman 4 knows no Job, StatefulSet or Service, and its Secrets are broken. So a Secret becomes a ConfigMap, a Job and
each replica a Pod; what a server's Service is called, its pod is called: its name is its address. Ports, probes and
spread have nobody who would act on them here. Everything else stays: images, commands, settings, secrets as files,
users, read-only root file systems, dropped capabilities, memory limits, init containers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from tests.images.standin.__main__ import PREFIX
from tests.k8s.rendered import Document, component, containers, of_kind, pod, workloads

# The images of other projects -> what stands in for them on a machine without a registry.
STAND_INS = {"postgres": "postgres", "nats": "nats", "valkey": "valkey", "seaweedfs": "s3"}
_OF_A_CLUSTER = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "ports")
Secrets = Mapping[str, Mapping[str, str]]


def playable(documents: list[Document], secrets: Secrets, images: Mapping[str, str]) -> list[Document]:
    """In the order in which they are to be started: podman starts one after the other, and an init container that
    waits holds up what comes after it. `images`: name of an image in the overlay -> the one to run."""
    documents = copy.deepcopy(documents)
    volumes = [claim for d in of_kind(documents, "StatefulSet") for claim in _claims(d)]
    pods = [made for d in sorted(workloads(documents), key=_turn) for made in _pods(d, images)]
    return [*of_kind(documents, "ConfigMap"), *(_config_map(name, secrets[name]) for name in sorted(secrets)),
            *volumes, *pods]


def volumes(played: list[Document]) -> Iterator[str]:
    """What podman keeps when the pods are gone."""
    for each in of_kind(played, "PersistentVolumeClaim", "ConfigMap"):
        yield each["metadata"]["name"]
    for each in of_kind(played, "Pod"):
        yield from (volume["name"] for volume in each["spec"]["volumes"] if "emptyDir" in volume)


def _turn(workload: Document) -> int:
    if workload["kind"] == "Job":
        return 1 if component(workload) == "server" else 2
    return 0 if component(workload) == "server" else 3


def _config_map(name: str, files: Mapping[str, str]) -> Document:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(files)}


def _claims(workload: Document) -> Iterator[Document]:
    """The volume of its one replica, and the place where its pod mounts it."""
    for template in workload["spec"].get("volumeClaimTemplates", []):
        name, claim = template["metadata"]["name"], f"{template['metadata']['name']}-{workload['metadata']['name']}-0"
        pod(workload).setdefault("volumes", []).append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim},
               "spec": template["spec"]}


def _pods(workload: Document, images: Mapping[str, str]) -> Iterator[Document]:
    name, replicas = workload["metadata"]["name"], workload["spec"].get("replicas", 1)
    numbered = component(workload) == "service"
    for number in range(replicas):
        own = f"{name}-{number}" if numbered else name if workload["kind"] != "Job" else f"job-{name}"
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": own, "labels": {"app": name}},
               "spec": _with_its_own_folders(_simplified(workload, images), own)}


def _with_its_own_folders(spec: Document, own: str) -> Document:
    """podman makes a volume of an emptyDir, called as that is: `tmp` of two pods would be one folder."""
    renamed = {volume["name"]: f"{own}-{volume['name']}" for volume in spec["volumes"] if "emptyDir" in volume}
    mounts = [mount for each in (*spec["containers"], *spec.get("initContainers", ()))
              for mount in each.get("volumeMounts", ())]
    for named in (*spec["volumes"], *mounts):
        named["name"] = renamed.get(named["name"], named["name"])
    return spec


def _simplified(workload: Document, images: Mapping[str, str]) -> Document:
    copied = copy.deepcopy(workload)
    spec = pod(copied)
    for container in containers(copied):
        container["image"] = _image(container["image"], images)
        container["imagePullPolicy"] = "Never"
        for key in _OF_A_CLUSTER:
            container.pop(key, None)
    spec["volumes"] = [_volume(volume) for volume in spec["volumes"]]
    # podman starts an init container again, too, where pods are always started again.
    spec["restartPolicy"] = "OnFailure"
    for key in ("topologySpreadConstraints", "serviceAccountName", "enableServiceLinks"):
        spec.pop(key, None)
    return spec


def _image(name: str, images: Mapping[str, str]) -> str:
    base = name.rpartition("/")[2].partition(":")[0]
    return images[base] if base in images else PREFIX + STAND_INS[base]


def _volume(volume: Document) -> Document:
    if "secret" in volume:
        return {"name": volume["name"], "configMap": {"name": volume["secret"]["secretName"]}}
    return {"name": volume["name"], "emptyDir": {}} if "emptyDir" in volume else volume
