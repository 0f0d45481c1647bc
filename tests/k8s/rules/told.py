"""What pods are told: variables that somebody reads, secrets that somebody makes, and nothing missing at the start."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from chassis.messaging import replicas
from chassis.settings import SECRETS_DIR, ServiceSettings
from ops.secrets.consumers import Addresses, folders
from ops.secrets.kubernetes import secret_name
from ops.secrets.material import Material
from tests.k8s.rendered import (
    Document,
    component,
    containers,
    environment,
    label,
    labels,
    of_kind,
    pod,
    services,
    workloads,
)
from tests.k8s.rules.plain_text import AUTHORITY

MOUNTED_AT = "/run/secrets/brightrun"
# What an installation brings along and puts beside what is made (overlays/production/secrets).
BROUGHT_ALONG = {"brightrun-provisioner": {"brightrun_runpod_api_key"}}
_SECRET_FILE = re.compile(rf"{MOUNTED_AT}/([\w.-]+)")


def settings_of(service: str) -> list[type[BaseSettings]]:
    """All settings that the service's own modules and the chassis define."""
    importlib.import_module(f"services.{service}.app")
    return [found for found in _subclasses(BaseSettings) if found.__module__.startswith(f"services.{service}.")]


def _subclasses(parent: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def names_read(classes: list[type[BaseSettings]]) -> set[str]:
    return {SECRETS_DIR} | {name for each in classes for name in _names(each)}


def names_of_one_shot_jobs() -> set[str]:
    """And of the keeper of the topology, which reads its own by itself."""
    return names_read([ServiceSettings]) | {replicas.VARIABLE}


def _names(settings: type[BaseSettings]) -> Iterator[str]:
    prefix = str(settings.model_config.get("env_prefix", ""))
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            yield from (choice.upper() for choice in alias.choices if isinstance(choice, str))
        else:
            yield (prefix + (alias if isinstance(alias, str) else name)).upper()


def unread_variables(documents: list[Document]) -> list[str]:
    """`extra="ignore"` makes a misspelt variable silent: here it is not."""
    of_services = services(documents)
    found = []
    for workload in workloads(documents):
        service = next((name for name, each in of_services.items() if each is workload), "")
        read = names_read(settings_of(service)) if service else names_of_one_shot_jobs()
        if component(workload) == "page":  # the settings that all share name servers that it does not use
            read |= names_read(settings_of(workload["metadata"]["name"]))
        found += [f"{label(workload)}: nobody reads {name}" for container in containers(workload)
                  for name in environment(container, documents)
                  if name.startswith("BRIGHTRUN_") and name not in read]
    return found


def made_secrets(folder: Path, addresses: Addresses | None = None) -> dict[str, dict[str, str]]:
    """Secret -> its keys and values, as `python -m ops.secrets` makes them."""
    made = folders(Material.ensure(folder), addresses or Addresses())
    return {secret_name(each.name): dict(each.files) for each in made}


def unmade_secrets(documents: list[Document], made: dict[str, dict[str, str]]) -> list[str]:
    """Secrets that a pod mounts, and files of them that it is told about, that nobody makes."""
    found = []
    certificates = certificate_secrets(documents)
    for workload in workloads(documents):
        names = [volume["secret"]["secretName"] for volume in pod(workload).get("volumes", []) if "secret" in volume]
        files = {key for name in names for key in made.get(name, {})} | {
            key for name in names for key in BROUGHT_ALONG.get(name, set())}
        told = [word for container in containers(workload) for word in _words(workload, container, documents)]
        asked = {file for word in told for file in _SECRET_FILE.findall(word)}
        found += [f"{label(workload)}: nobody makes {name}" for name in names if name not in {*made, *certificates}]
        found += [f"{label(workload)}: no secret of it has {file}" for file in sorted(asked - files)]
    return found


def certificate_secrets(documents: list[Document]) -> set[str]:
    """Those that cert-manager makes."""
    return {document["spec"]["secretName"] for document in of_kind(documents, "Certificate")}


def _words(workload: Document, container: Document, documents: list[Document]) -> Iterator[str]:
    yield from container.get("args", [])
    for mount in container.get("volumeMounts", []):
        if "subPath" in mount:
            yield f"{MOUNTED_AT}/{mount['subPath']}"
    for name, value in environment(container, documents).items():
        # The shared settings tell every pod where its credentials would lie; one that does not use the broker has none.
        if name != "BRIGHTRUN_NATS_CREDS_FILE" or "uses/nats" in labels(workload):
            yield value


@contextmanager
def told(service: str, documents: list[Document], made: dict[str, dict[str, str]], folder: Path) -> Iterator[None]:
    """This process is told what the service's pod is told, secrets as files in `folder`."""
    deployment = services(documents)[service]
    [container] = pod(deployment)["containers"]
    secret = f"brightrun-{deployment['metadata']['name']}"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BRIGHTRUN_")]:
            patch.delenv(name)
        for key, value in (made[secret] | dict.fromkeys(BROUGHT_ALONG.get(secret, ()), "brought along")).items():
            (folder / key).write_text(value.replace(MOUNTED_AT, str(folder)))
        for name, value in environment(container, documents).items():
            # An authority that production's certificates are made by stands in the same folder here.
            here = value.replace(AUTHORITY, f"{folder}/ca.crt").replace(MOUNTED_AT, str(folder))
            patch.setenv(name, here)
        if os.environ.get("BRIGHTRUN_PROVIDER") == "kubernetes":
            # What a cluster puts into the pod by itself.
            (folder / "token").write_text("of the account")
            patch.setenv("BRIGHTRUN_KUBERNETES_TOKEN_FILE", str(folder / "token"))
            patch.setenv("BRIGHTRUN_KUBERNETES_SERVER", "http://127.0.0.1:1")
        yield


def composed(service: str) -> Any:
    """The service's application by the present environment; nothing is connected to.

    Raises what its settings or its composition root refuse.
    """
    settings = importlib.import_module(f"services.{service}.settings").Settings()
    module = importlib.import_module(f"services.{service}.app")
    return (module.create_app if hasattr(module, "create_app") else module.build_app)(settings)


def unsaid(settings: ServiceSettings, used: set[str]) -> list[str]:
    """What the service would start without and then miss."""
    needed = {"postgres": ["database_url"], "nats": ["nats_url"], "valkey": ["redis_url"],
              "s3": ["s3_endpoint", "s3_access_key", "s3_secret_key"]}
    found = [f"{settings.service_name} is not told {name}" for each in sorted(used) for name in needed[each]
             if not str(getattr(settings, name))]
    return found + ([] if Path(settings.nats_creds_file).is_file() else [f"{settings.service_name} has no credentials"])
