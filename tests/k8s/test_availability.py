"""What a rolling update, a drained node and a lost zone find in production."""

from collections.abc import Callable

import pytest

from tests.k8s.rendered import Document, named, pod
from tests.k8s.rules import availability as rules

pytestmark = pytest.mark.slow
Rule = Callable[[list[Document]], list[str]]
RULES: tuple[Rule, ...] = (
    rules.lone_replicas, rules.fought_over, rules.evicted_together, rules.hurried_ends, rules.unprobed,
    rules.gaps_in_a_rollout, rules.crowded)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_production_keeps_it(rule: Rule, production: list[Document]) -> None:
    assert rule(production) == []


def _alone(documents: list[Document]) -> None:
    named(documents, "Deployment", "validator")["spec"]["replicas"] = 1


def _scaled_to_one(documents: list[Document]) -> None:
    named(documents, "ScaledObject", "metrics-ingest")["spec"]["minReplicaCount"] = 1


def _fixed(documents: list[Document]) -> None:
    named(documents, "Deployment", "job-api")["spec"]["replicas"] = 2


def _without_budget(documents: list[Document]) -> None:
    documents.remove(named(documents, "PodDisruptionBudget", "notifier"))


def _short_end(documents: list[Document]) -> None:
    pod(named(documents, "Deployment", "job-api"))["terminationGracePeriodSeconds"] = 35


def _without_drain(documents: list[Document]) -> None:
    container = pod(named(documents, "Deployment", "job-api"))["containers"][0]
    container["env"] = [entry for entry in container["env"] if entry["name"] != "BRIGHTRUN_DRAIN_S"]


def _alive_by_readiness(documents: list[Document]) -> None:
    container = pod(named(documents, "Deployment", "cost-guard"))["containers"][0]
    container["livenessProbe"]["httpGet"]["path"] = "/health/ready"


def _all_at_once(documents: list[Document]) -> None:
    named(documents, "Deployment", "validator")["spec"]["strategy"] = {"type": "Recreate"}


def _on_one_node(documents: list[Document]) -> None:
    del pod(named(documents, "Deployment", "validator"))["topologySpreadConstraints"]


@pytest.mark.parametrize(("rule", "spoil", "told"), [
    (rules.lone_replicas, _alone, "validator: 1 replicas at least"),
    (rules.lone_replicas, _scaled_to_one, "metrics_ingest: 1 replicas at least"),
    (rules.fought_over, _fixed, "Deployment/job-api has replicas and a scaler"),
    (rules.evicted_together, _without_budget, "notifier has no PodDisruptionBudget"),
    (rules.hurried_ends, _short_end, "job_api gets 35 s and needs 35 s"),
    (rules.hurried_ends, _without_drain, "job_api does not drain (preStop 5 s, drain 0 s)"),
    (rules.unprobed, _alive_by_readiness, "cost_guard: livenessProbe does not ask /health/live"),
    (rules.gaps_in_a_rollout, _all_at_once, "validator is not replaced one by one"),
    (rules.crowded, _on_one_node, "validator is not spread"),
])
def test_a_breach_is_found(
    rule: Rule, spoil: Callable[[list[Document]], None], told: str, production: list[Document]
) -> None:
    spoil(production)
    assert rule(production) == [told]
