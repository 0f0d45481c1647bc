"""TLS everywhere: no address without it, whom to believe named and mounted, and servers that offer nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from stack.layout import ROOT
from tests.k8s.rendered import (
    Document,
    component,
    containers,
    environment,
    label,
    labels,
    named,
    of_kind,
    pod,
    workloads,
)

AUTHORITY = "/run/secrets/authority/ca.crt"
# Without TLS, or with TLS that believes anybody. REST of our own is HTTP behind the gateway, for the page as well.
_PLAIN = re.compile(r"\b(nats|ws|http(?!://job-api:8000$)|redis)://|\bpostgres\w*(\+\w+)?://(?!\S*sslmode=verify-full)")
_OURS = ("service", "page", "topology", "job")


def plain_addresses(documents: list[Document]) -> list[str]:
    return [f"{label(workload)}: {name} is an address without TLS" for workload in workloads(documents)
            for container in containers(workload) for name, value in environment(container, documents).items()
            if _PLAIN.search(value)]


def plain_secrets(made: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Addresses that lie in secrets; they hold passwords, so what is told is their name alone."""
    return [f"{secret}: {name} is an address without TLS" for secret, files in made.items()
            for name, text in files.items() if name.endswith("_url") and _PLAIN.search(text)]


def lenient(documents: list[Document]) -> list[str]:
    """Pods that would start with a plain address all the same."""
    return [f"{label(workload)}: {container['name']} does not refuse plain text" for workload in _ours(documents)
            for container in containers(workload)
            if environment(container, documents).get("BRIGHTRUN_TLS_REQUIRED") != "true"]


def unbelieving(documents: list[Document]) -> list[str]:
    """Containers that are told of an authority that they do not find, or mount more of it than its certificate."""
    return [f"{label(workload)}: {text}" for workload in _ours(documents) for text in _of_workload(workload, documents)]


def _of_workload(workload: Document, documents: list[Document]) -> Iterator[str]:
    volume = next((v for v in pod(workload)["volumes"] if v["name"] == "authority"), None)
    if volume is None or volume["secret"].get("items") != [{"key": "ca.crt", "path": "ca.crt"}]:
        yield "does not mount the authority's certificate alone"
        return
    for container in containers(workload):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        if mounts.get("authority") != AUTHORITY.rpartition("/")[0]:
            yield f"{container['name']} does not find the authority"
        told = environment(container, documents).get("BRIGHTRUN_NATS_TLS_CA")
        if "uses/nats" in labels(workload) and told != AUTHORITY:
            yield f"{container['name']} does not know whom to believe"


def uncertified(documents: list[Document]) -> list[str]:
    """Servers without a certificate for the name they are called by, or with a way in that does without."""
    return [*_postgres(documents), *_valkey(documents), *_nats(documents, platform_values("nats"))]


def _postgres(documents: list[Document]) -> Iterator[str]:
    spec = named(documents, "Cluster", "postgres")["spec"]
    shown = spec.get("certificates", {})
    if shown != {"serverCASecret": "postgres-server", "serverTLSSecret": "postgres-server"}:
        yield "postgres shows another certificate than it is believed by"
    yield from _names(documents, "postgres-server", {"postgres-rw"})
    rules = spec["postgresql"]["pg_hba"]
    yield from (f"postgres lets in without TLS: {rule}" for rule in rules[:-1] if not rule.startswith("hostssl "))
    if rules[-1] != "host all all all reject":
        yield "postgres lets in without TLS at the end"


def _valkey(documents: list[Document]) -> Iterator[str]:
    [server] = pod(deployment := named(documents, "Deployment", "valkey"))["containers"]
    mounted = {v["secret"]["secretName"]: v["name"] for v in pod(deployment)["volumes"] if "secret" in v}
    places = {mount["name"]: mount["mountPath"] for mount in server["volumeMounts"]}
    folder = places.get(mounted.get("valkey-server", ""), "nowhere")
    words = server["args"]
    if [words[i + 1] for i, word in enumerate(words) if word in ("--tls-cert-file", "--tls-key-file")] != [
            f"{folder}/tls.crt", f"{folder}/tls.key"]:
        yield "valkey does not show the certificate that is renewed"
    yield from _names(documents, "valkey-server", {"valkey"})


def _nats(documents: list[Document], values: Mapping[str, Any]) -> Iterator[str]:
    """Its chart's values: it is no part of the overlay."""
    wanted = {"enabled": True, "secretName": "nats-server"}
    config = values["config"]
    for place, found in (("clients", config.get("nats", {}).get("tls")), ("its servers", config["cluster"].get("tls")),
                         ("the authority", values.get("tlsCA"))):
        if found != wanted:
            yield f"nats has no TLS for {place}"
    among = {f"nats-{number}.nats-headless" for number in range(config["cluster"]["replicas"])}
    yield from _names(documents, "nats-server", {"nats", "nats.brightrun.svc"} | among)
    if "client auth" not in named(documents, "Certificate", "nats-server")["spec"]["usages"]:
        yield "nats-server cannot be shown to another server"


def _names(documents: list[Document], certificate: str, called: set[str]) -> Iterator[str]:
    spec = next((d["spec"] for d in of_kind(documents, "Certificate") if d["metadata"]["name"] == certificate), None)
    if spec is None or spec["secretName"] != certificate or spec["issuerRef"]["name"] != "authority":
        yield f"nobody makes {certificate}"
        return
    yield from (f"{certificate} is not for {name}" for name in sorted(called - set(spec["dnsNames"])))


def platform_values(chart: str) -> dict[str, Any]:
    text = (ROOT / "k8s" / "platform" / f"{chart}.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _ours(documents: list[Document]) -> list[Document]:
    return [workload for workload in workloads(documents) if component(workload) in _OURS]
