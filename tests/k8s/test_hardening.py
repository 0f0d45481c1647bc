"""Pod Security "restricted", limits, tokens, images: in every overlay."""

from collections.abc import Callable

import pytest

from tests.k8s.rendered import OVERLAYS, Document, named, pod, render
from tests.k8s.rules import hardening as rules

pytestmark = pytest.mark.slow
Rule = Callable[[list[Document]], list[str]]
RULES: tuple[Rule, ...] = (
    rules.unrestricted, rules.unlimited, rules.shared_accounts, rules.floating_images,
    rules.lax_namespaces)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_overlay_keeps_it(rule: Rule, documents: list[Document]) -> None:
    assert rule(documents) == []


def test_nobody_holds_a_token_but_who_makes_machines_of_the_cluster() -> None:
    assert {overlay: rules.tokens(render(overlay)) for overlay in OVERLAYS} == {
        "dev": [], "production": [], "gpu-nodes": ["Deployment/provisioner holds a token"]}


def test_production_names_its_image_by_digest(production: list[Document]) -> None:
    assert rules.undigested(production) == []


def _container(documents: list[Document]) -> Document:
    return pod(named(documents, "Deployment", "validator"))["containers"][0]


def _root(documents: list[Document]) -> None:
    del pod(named(documents, "Deployment", "validator"))["securityContext"]["runAsNonRoot"]


def _host_path(documents: list[Document]) -> None:
    pod(named(documents, "Deployment", "validator"))["volumes"].append({"name": "x", "hostPath": {"path": "/"}})


def _writable(documents: list[Document]) -> None:
    _container(documents)["securityContext"]["readOnlyRootFilesystem"] = False


def _boundless(documents: list[Document]) -> None:
    del _container(documents)["resources"]["limits"]


def _with_token(documents: list[Document]) -> None:
    pod(named(documents, "Deployment", "validator"))["automountServiceAccountToken"] = True


def _strange_account(documents: list[Document]) -> None:
    pod(named(documents, "Deployment", "validator"))["serviceAccountName"] = "default"


def _latest(documents: list[Document]) -> None:
    _container(documents)["image"] = "registry.example.com:5000/brightrun"


def _tagged(documents: list[Document]) -> None:
    _container(documents)["image"] = "registry.example.com/brightrun:0.1.0"


def _unenforced(documents: list[Document]) -> None:
    del named(documents, "Namespace", "brightrun")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]


@pytest.mark.parametrize(("rule", "spoil", "told"), [
    (rules.unrestricted, _root, "Deployment/validator: may run as root"),
    (rules.unrestricted, _host_path, "Deployment/validator: mounts hostPath"),
    (rules.unrestricted, _writable, "Deployment/validator: service writes its root file system"),
    (rules.unlimited, _boundless, "Deployment/validator: service has no limits of memory"),
    (rules.tokens, _with_token, "Deployment/validator holds a token"),
    (rules.shared_accounts, _strange_account, "Deployment/validator has no account of its own"),
    (rules.floating_images, _latest, "Deployment/validator: registry.example.com:5000/brightrun"),
    (rules.undigested, _tagged, "Deployment/validator: registry.example.com/brightrun:0.1.0"),
    (rules.lax_namespaces, _unenforced, "Namespace/brightrun does not enforce"),
])
def test_a_breach_is_found(
    rule: Rule, spoil: Callable[[list[Document]], None], told: str, production: list[Document]
) -> None:
    spoil(production)
    assert rule(production) == [told]
