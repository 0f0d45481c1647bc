"""Who reaches whom: what the code uses, and nothing else."""

import pytest

from contracts.streams import CONSUMERS
from stack.nats_permissions import SERVICES
from tests.k8s.rendered import Document, labels, named, pod, services, workloads
from tests.k8s.rules.network import SERVERS, Peer, reaches, server, used_by_code, wrong_flows

pytestmark = pytest.mark.slow
OUTSIDE = Peer(address="203.0.113.5")


def _service(documents: list[Document], name: str) -> Peer:
    return Peer(labels(services(documents)[name]))


def test_every_pod_reaches_what_its_code_uses_and_nothing_else(documents: list[Document]) -> None:
    assert wrong_flows(documents) == []


def test_what_is_used_is_read_from_the_code() -> None:
    assert used_by_code("metrics_ingest") == {"postgres", "nats", "valkey"}
    assert used_by_code("job_api") == {"postgres", "nats", "valkey", "s3"}
    assert used_by_code("provisioner") == {"postgres", "nats", "s3"}
    assert {consumer.service for consumer in CONSUMERS} >= {"cost_guard", "notifier"}


def test_a_flow_too_few_and_one_too_many_are_found(production: list[Document]) -> None:
    pod_labels = named(production, "Deployment", "validator")["spec"]["template"]["metadata"]["labels"]
    del pod_labels["uses/nats"]
    pod_labels["uses/valkey"] = "true"
    assert wrong_flows(production) == ["validator does not reach nats", "validator reaches valkey and does not use it"]


def test_services_do_not_reach_each_other(documents: list[Document]) -> None:
    for one in services(documents):
        for other in services(documents):
            for port in ("http", "metrics", 8000):
                assert not reaches(documents, _service(documents, one), _service(documents, other), port)


def test_the_api_is_for_the_gateway_and_metrics_are_for_prometheus(documents: list[Document]) -> None:
    gateway, prometheus = Peer(namespace="gateway"), Peer(namespace="monitoring")
    api = _service(documents, "job_api")
    assert reaches(documents, gateway, api, "http")
    assert not reaches(documents, gateway, api, "metrics")
    assert not reaches(documents, gateway, _service(documents, "validator"), "metrics")
    assert not reaches(documents, Peer(namespace="somebody-else"), api, "http")
    for name in services(documents):
        assert reaches(documents, prometheus, _service(documents, name), "metrics")
    assert not reaches(documents, prometheus, api, "http")


def test_what_is_scraped_has_a_port_of_that_name(documents: list[Document]) -> None:
    told = [d for d in workloads(documents) if labels(d)["app.kubernetes.io/component"] in ("service", "topology")]
    assert len(told) == len(SERVICES) + 1
    for workload in told:
        assert "metrics" in [port["name"] for port in pod(workload)["containers"][0]["ports"]]


def test_strangers_reach_no_server(documents: list[Document]) -> None:
    for name, port in SERVERS.items():
        for stranger in (Peer(), Peer(namespace="somebody-else")):
            assert not reaches(documents, stranger, server(name), port)


def test_nobody_outside_comes_in_but_through_the_gateway(production: list[Document]) -> None:
    assert not any(reaches(production, OUTSIDE, server(name), port) for name, port in SERVERS.items())
    gateway = Peer(namespace="gateway")
    assert reaches(production, gateway, server("nats"), 8080)
    assert not reaches(production, gateway, server("nats"), 4222)


def test_trainers_of_the_cluster_reach_the_broker_from_their_namespace(documents: list[Document]) -> None:
    of_cluster = any(d["metadata"]["name"] == "brightrun-training" for d in documents)
    trainer = Peer(namespace="brightrun-training")
    assert reaches(documents, trainer, server("nats"), 4222) is of_cluster
    assert not reaches(documents, trainer, server("postgres"), 5432)


def test_who_has_business_outside(documents: list[Document]) -> None:
    outside = [name for name in services(documents) if reaches(documents, _service(documents, name), OUTSIDE, 443)]
    assert sorted(outside) == ["job_api", "notifier", "provisioner"]
