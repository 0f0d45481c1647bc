"""Who reaches whom: the policies evaluated, and held against what the services' code says that they use."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.registry import EVENTS
from contracts.rpc.catalog import RPCS
from stack.layout import ROOT
from tests.k8s.rendered import Document, labels, of_kind, pod, workloads

SERVERS = {"postgres": 5432, "nats": 4222, "valkey": 6379, "s3": 8333}
_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """A pod by its labels and its namespace. `address`: somebody outside the cluster, who has neither."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = "brightrun"
    address: str = ""


def reaches(documents: list[Document], source: Peer, target: Peer, port: int | str) -> bool:
    """Whether a connection is let out on one side and in on the other."""
    return (_lets(documents, "egress", source, target, port) and _lets(documents, "ingress", target, source, port))


def _lets(documents: list[Document], way: str, own: Peer, other: Peer, port: int | str) -> bool:
    if own.address or own.namespace != "brightrun":
        return True  # not ours to say
    specs = [document["spec"] for document in of_kind(documents, "NetworkPolicy")
             if document["metadata"]["namespace"] == "brightrun"]
    policies = [s for s in specs if _matches(s["podSelector"], own.labels) and way.capitalize() in s["policyTypes"]]
    return not policies or any(_rule_lets(rule, way, other, port) for spec in policies for rule in spec.get(way, []))


def _rule_lets(rule: Document, way: str, other: Peer, port: int | str) -> bool:
    ports = [entry["port"] for entry in rule.get("ports", [])]
    peers = rule.get("to" if way == "egress" else "from", [])
    return (not ports or port in ports) and (not peers or any(_is(peer, other) for peer in peers))


def _is(peer: Document, other: Peer) -> bool:
    if "ipBlock" in peer:
        return bool(other.address)
    if other.address:
        return False
    namespace = _matches(peer["namespaceSelector"], {_NAMESPACE: other.namespace}) if "namespaceSelector" in peer \
        else other.namespace == "brightrun"
    return namespace and _matches(peer.get("podSelector", {}), other.labels)


def _matches(selector: Document, found: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "the evaluation knows matchLabels only"
    return selector.get("matchLabels", {}).items() <= found.items()


def used_by_code(service: str) -> set[str]:
    """What the composition root asks its runtime for, and whether the contracts give it anything to say or to hear."""
    tree = ast.parse((ROOT / "services" / service / "app.py").read_text())
    asked = {keyword.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords
             if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)}
    talks = any(service in (*spec.producers, *spec.consumers) for spec in EVENTS) or any(
        service == row.rpc.service or service in row.callers for row in RPCS)
    wanted = {"with_redis": "valkey", "with_objects": "s3"}
    found = {name for keyword, name in wanted.items() if keyword in asked} | ({"nats"} if talks else set())
    return found | ({"postgres"} if (ROOT / "services" / service / "migrations").is_dir() else set())


def used_by_job(workload: Document) -> set[str]:
    """A one-shot job's by its command."""
    module = pod(workload)["containers"][0]["args"][0]
    return {{"chassis.migrate": "postgres", "chassis.topology": "nats", "chassis.buckets": "s3"}[module]}


def server(name: str) -> Peer:
    return Peer({f"serves/{name}": "true"})


def wrong_flows(documents: list[Document]) -> list[str]:
    """Too few and too many: each pod of the product reaches exactly the servers that its code uses."""
    found = []
    for workload in workloads(documents):
        if pod(workload)["containers"][0]["name"] != "service":
            continue
        name = workload["metadata"]["name"]
        ours = labels(workload)["app.kubernetes.io/component"] in ("service", "page")
        wanted = used_by_code(name.replace("-", "_")) if ours else used_by_job(workload)
        may = {each for each, port in SERVERS.items() if reaches(documents, Peer(labels(workload)), server(each), port)}
        found += [f"{name} does not reach {each}" for each in sorted(wanted - may)]
        found += [f"{name} reaches {each} and does not use it" for each in sorted(may - wanted)]
    return found
