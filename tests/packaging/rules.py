"""What has to hold of compose.yaml: each rule gives a line for everything that breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from ops.secrets.consumers import CA, CERTIFICATE, KEY, SHOW_CERTIFICATES
from stack.nats_permissions import SERVICES
from tests.packaging.composition import (
    ROOT,
    SECRETS_MOUNT,
    Document,
    command,
    environment,
    mounts,
    runs_once,
    secrets_folder,
)

Rule = Callable[[Document], Iterator[str]]
# What jobs read by themselves: they have no Settings of their own.
_OF_JOBS = {
    "chassis.migrate": {"BRIGHTRUN_SECRETS_DIR", "BRIGHTRUN_TLS_REQUIRED"},
    "chassis.topology": {"BRIGHTRUN_SECRETS_DIR", "BRIGHTRUN_TLS_REQUIRED", "BRIGHTRUN_NATS_URL",
                         "BRIGHTRUN_NATS_TLS_CA", "BRIGHTRUN_NATS_CREDS_FILE", "BRIGHTRUN_WATCH_CERTIFICATES"},
}
_SETTINGS = {name: (f"services.{name}.settings", "Settings") for name in SERVICES} | {
    "dashboard": ("services.dashboard.settings", "Settings"),
    "backup": ("ops.backup.settings", "BackupSettings"), "buckets": ("chassis.settings", "StorageSettings"),
    "bootstrap": ("services.job_api.settings", "Settings")}
_REACHES_OUT = {"proxy", "job-api", "provisioner", "notifier", "alertmanager", "backup", "buckets"}
# REST of our own stays HTTP behind the proxy: docs/decisions/0120-one-server-speaks-tls-inside-too.md.
_PLAIN_ADDRESS = re.compile(r"(nats|http(?!://job-api:8000$)|redis)://")
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|SEED|CREDS")


def only_the_proxy_listens_outside(document: Document) -> Iterator[str]:
    yield from (f"{name} publishes {service['ports']}" for name, service in document["services"].items()
                if "ports" in service and name != "proxy")


def networks_are_closed(document: Document) -> Iterator[str]:
    yield from (f"{name} leads outside" for name, network in document["networks"].items()
                if name != "outside" and not network.get("internal"))
    for name, service in document["services"].items():
        if "outside" in service["networks"] and name not in _REACHES_OUT:
            yield f"{name} reaches the outside"
    if "inside" in document["services"]["proxy"]["networks"]:
        yield "proxy reaches databases and the broker"


def everything_has_limits(document: Document) -> Iterator[str]:
    for name, service in document["services"].items():
        wanted = ["restart", "mem_limit", "pids_limit", *([] if runs_once(service) else ["healthcheck"])]
        yield from (f"{name} has no {key}" for key in wanted if key not in service)
        options = service.get("logging", {}).get("options", {})
        if not {"max-size", "max-file"} <= set(options):
            yield f"{name} logs without an end"


def everything_is_hardened(document: Document) -> Iterator[str]:
    for name, service in document["services"].items():
        if service.get("read_only") is not True:
            yield f"{name} can write to its root file system"
        if service.get("cap_drop") != ["ALL"]:
            yield f"{name} keeps rights"
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name} can gain rights"
        if service.get("privileged") or "docker.sock" in str(service.get("volumes")):
            yield f"{name} is the host"


def images_are_pinned(document: Document) -> Iterator[str]:
    for name, service in document["services"].items():
        _, _, version = service["image"].rpartition(":")
        own = service["image"].startswith("brightrun")
        if "/" in version or version == "latest" or not (own or re.search(r"\d+\.\d+\.\d+|\d+\.\d+", version)):
            yield f"{name}: {service['image']} names no version"


def variables_are_read(document: Document) -> Iterator[str]:
    """A misspelt one would be ignored in silence."""
    for name, service in document["services"].items():
        known = _known_variables(service)
        yield from (f"{name} sets {variable}, which nothing there reads" for variable in environment(service)
                    if variable.startswith("BRIGHTRUN_") and variable not in known)


def no_secret_is_written_down(document: Document) -> Iterator[str]:
    for name, service in document["services"].items():
        for variable, value in environment(service).items():
            if _SECRET_NAME.search(variable) and not (value.startswith(("/run/secrets", "/secrets")) or value == ""):
                yield f"{name} is given {variable} in its environment"


def everybody_verifies(document: Document) -> Iterator[str]:
    """What runs the product's code refuses plain text, and is told whom to believe; certificates are watched."""
    services = document["services"]
    for name, service in services.items():
        known = _known_variables(service)
        told = environment(service)
        if "BRIGHTRUN_TLS_REQUIRED" in known and told.get("BRIGHTRUN_TLS_REQUIRED") != "true":
            yield f"{name} would take an address without TLS"
        for variable, value in told.items():
            if _PLAIN_ADDRESS.match(value):
                yield f"{name} is told {variable}, an address without TLS"
        if "BRIGHTRUN_NATS_URL" in told and told.get("BRIGHTRUN_NATS_TLS_CA") != f"{SECRETS_MOUNT}/{CA}":
            yield f"{name} does not know whom to believe"
    watched = environment(services["topology"]).get("BRIGHTRUN_WATCH_CERTIFICATES", "")
    yield from (f"nobody watches the certificate of {name}" for name in SHOW_CERTIFICATES if f"{name}:" not in watched)


def servers_speak_tls_alone(document: Document, made: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """By what they are told on the command line, or in the configuration that ops.secrets makes. `made`: folder ->
    file -> its text."""
    services = document["services"]
    wanted = {
        "postgres": (" ".join(command(services["postgres"])), ["ssl=on", "ssl_cert_file=", "ssl_key_file="]),
        "s3": (" ".join(command(services["s3"])), ["-s3.cert.file=", "-s3.key.file="]),
        "valkey": (made["valkey"]["valkey.conf"], ["\nport 0\n", "tls-port 6379", "tls-cert-file", "tls-key-file"]),
        "nats": (made["nats"]["nats.conf"], ["\ntls { cert_file:", 'websocket { listen: "0.0.0.0:8080", tls {']),
    }
    for name, (told, words) in wanted.items():
        yield from (f"{name} is not told {word.strip()}" for word in words if word not in told)
        yield from (f"{name} has no {file}" for file in (CERTIFICATE, KEY) if file not in made[name])
    for line in (ROOT / "ops" / "postgres" / "pg_hba.conf").read_text().splitlines():
        if line and line.split()[0] not in ("#", "local", "hostssl"):
            yield f"postgres lets in without TLS: {line}"
    for line in (ROOT / "ops" / "proxy" / "Caddyfile").read_text().splitlines():
        if re.search(r"reverse_proxy \S*(nats|s3):", line) and "https://" not in line:
            yield f"the proxy asks without TLS: {line.strip()}"


def services_come_after_the_jobs(document: Document) -> Iterator[str]:
    services = document["services"]
    for name in map(_service_name, SERVICES):
        after = set(services.get(name, {}).get("depends_on", {}))
        yield from (f"{name} does not wait for {job}" for job in sorted({"migrations", "streams", "buckets"} - after))
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name} waits for {other}, which is not there"
            elif runs_once(services[other]) != (how["condition"] == "service_completed_successfully"):
                yield f"{name} waits for {other} in the wrong way"


def secrets_are_made(document: Document, made: Mapping[str, set[str]]) -> Iterator[str]:
    """`made`: folder -> its files, as ops.secrets writes them."""
    for name, service in document["services"].items():
        folder = secrets_folder(service)
        if folder and folder not in {*made, "master"}:
            yield f"{name} is given secrets/{folder}, which nobody makes"
        for file in re.findall(rf"{SECRETS_MOUNT}/([\w.-]+)", json.dumps(service)):
            if file not in made.get(folder, set()):
                yield f"{name} reads {file}, which is not in secrets/{folder}"


def what_is_mounted_exists(document: Document) -> Iterator[str]:
    for name, service in document["services"].items():
        for source in mounts(service).values():
            if source.startswith("./ops/") and not (ROOT / source).exists():
                yield f"{name} mounts {source}, which is not there"
            if not source.startswith("./") and source not in document["volumes"]:
                yield f"{name} mounts the volume {source}, which is not declared"


def settings_of(service: Document) -> type[BaseSettings] | None:
    module = command(service)[0] if command(service) else ""
    name = module.rpartition(".")[2]
    if module in _OF_JOBS or name not in _SETTINGS:
        return None
    path, cls = _SETTINGS[name]
    found: type[BaseSettings] = getattr(import_module(path), cls)
    return found


def fields_of(settings: type[BaseSettings]) -> set[str]:
    """The variables it reads."""
    names = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        choices = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []
        names |= {choice.upper() for choice in choices} | ({f"BRIGHTRUN_{name.upper()}"} if not choices else set())
    return names


def proxied(caddyfile: Path) -> set[str]:
    return set(re.findall(r"reverse_proxy (?:\{\$\w+:)?(?:https://)?([\w-]+):\d+", caddyfile.read_text()))


def _known_variables(service: Document) -> set[str]:
    settings = settings_of(service)
    if settings is not None:
        return fields_of(settings) | {"BRIGHTRUN_SECRETS_DIR"}
    module = command(service)[0] if command(service) else ""
    return _OF_JOBS.get(module, {"BRIGHTRUN_RELEASE"})  # of the broker: it only makes another configuration


def _service_name(name: str) -> str:
    return name.replace("_", "-")


RULES: tuple[Rule, ...] = (
    only_the_proxy_listens_outside, networks_are_closed, everything_has_limits, everything_is_hardened,
    images_are_pinned, variables_are_read, no_secret_is_written_down, everybody_verifies, services_come_after_the_jobs,
    what_is_mounted_exists)
