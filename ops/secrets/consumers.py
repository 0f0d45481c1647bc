"""Who is given what: a folder of files for each container, and nothing that another one needs.

A service reads the files named like its variables by itself (`BRIGHTRUN_SECRETS_DIR`); others are named to it by path.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from chassis.database.row_security import TENANT_SUFFIX
from chassis.messaging.nats_signing import SigningKeys, signing_keys_text
from contracts.buckets import BUCKETS
from ops.secrets.material import Material
from stack.dashboard import DASHBOARD
from stack.nats_permissions import SERVICES, TOPOLOGY
from stack.nats_security import SYSTEM_USER
from stack.parts.nats import configuration, quoted
from stack.parts.postgres import database_statements
from stack.programs import USES_OBJECTS, USES_VALKEY

# Who the containers are: Dockerfile's user, and those of the official images (PostgreSQL and Valkey on Debian).
BRIGHTRUN, POSTGRES, VALKEY, GRAFANA, NOBODY, ROOT = 10001, 999, 999, 472, 65534, 0
CREDS, MIGRATIONS, BUCKET_JOB = "nats.creds", "migrations", "buckets"
# By which the provisioner makes accounts and users of pods; variables name their paths.
POD_SIGNING, OPERATOR_SIGNING, SYSTEM_CREDS = "pods_signing.seed", "operator_signing.seed", "system.creds"
WEBSOCKETS_PORT = 8080


@dataclass(frozen=True)
class Addresses:
    """How the servers are called among the containers."""

    postgres: str = "postgres:5432"
    valkey: str = "valkey:6379"


@dataclass(frozen=True)
class Folder:
    """`owner` is the user of the container that reads it."""

    name: str
    owner: int
    files: dict[str, str] = field(repr=False)


def folders(material: Material, addresses: Addresses) -> list[Folder]:
    services = [Folder(name, BRIGHTRUN, _service(name, material, addresses)) for name in SERVICES]
    urls = {f"brightrun_{name}_database_url": _database_url(name, material, addresses) for name in SERVICES}
    passwords = material.passwords
    return [
        *services,
        Folder(DASHBOARD, BRIGHTRUN, {"brightrun_session_key": passwords.session}),
        Folder(TOPOLOGY, BRIGHTRUN, {CREDS: material.broker.creds_file(TOPOLOGY).read_text()}),
        Folder(MIGRATIONS, BRIGHTRUN, urls),
        Folder(BUCKET_JOB, BRIGHTRUN, _objects(material)),
        Folder("postgres", POSTGRES, {"password": passwords.postgres, "databases.sql": _databases(material)}),
        Folder("nats", ROOT, {"nats.conf": _broker(material), "operator.conf": _trust(material)}),
        Folder("valkey", VALKEY, {"valkey.conf": _valkey(passwords.valkey), "password": passwords.valkey}),
        Folder("s3", ROOT, {"identities.json": _identities(material)}),
        Folder("grafana", GRAFANA, {"password": material.grafana}),
        Folder("backup", ROOT, _objects(material) | {"brightrun_backup_database_url": _superuser(material, addresses)}),
        # Filled by others: by hand, with the webhook's address for alerts; by the job that makes the first key.
        Folder("alertmanager", NOBODY, {}),
        Folder("first", BRIGHTRUN, {}),
    ]


def _service(name: str, material: Material, addresses: Addresses) -> dict[str, str]:
    files = {"brightrun_database_url": _database_url(name, material, addresses),
             "brightrun_database_tenant_url": _tenant_url(name, material, addresses),
             CREDS: material.broker.creds_file(name).read_text()}
    if name in USES_VALKEY:
        files["brightrun_redis_url"] = f"redis://:{material.passwords.valkey}@{addresses.valkey}/0"
    if name in USES_OBJECTS:
        files |= _objects(material)
    if name == "job_api":
        files["brightrun_webhook_secret"] = material.passwords.webhook
    if name == "provisioner":
        files |= _pod_keys(material)
    return files


def _database_url(name: str, material: Material, addresses: Addresses) -> str:
    return f"postgresql+asyncpg://{name}:{material.passwords.databases[name]}@{addresses.postgres}/{name}"


def _tenant_url(name: str, material: Material, addresses: Addresses) -> str:
    """Of the role that sees one workspace at a time."""
    role, password = f"{name}{TENANT_SUFFIX}", material.passwords.tenants[name]
    return f"postgresql+asyncpg://{role}:{password}@{addresses.postgres}/{name}"


def _superuser(material: Material, addresses: Addresses) -> str:
    return f"postgresql://postgres:{material.passwords.postgres}@{addresses.postgres}/postgres"


def _objects(material: Material) -> dict[str, str]:
    passwords = material.passwords
    return {"brightrun_s3_access_key": passwords.s3_access_key, "brightrun_s3_secret_key": passwords.s3_secret_key}


def _pod_keys(material: Material) -> dict[str, str]:
    broker = material.broker
    return {
        "brightrun_nats_account": broker.services.public,
        POD_SIGNING: _signing(broker.pods_signing),
        OPERATOR_SIGNING: _signing(broker.operator_signing),
        SYSTEM_CREDS: broker.creds_file(SYSTEM_USER).read_text(),
    }


def _signing(keys: SigningKeys) -> str:
    return signing_keys_text(keys.current, keys.retiring)


def _databases(material: Material) -> str:
    passwords, tenants = material.passwords.databases, material.passwords.tenants
    return "".join(database_statements(name, name, passwords[name], tenants[name]) for name in SERVICES)


def _broker(material: Material) -> str:
    """The server's configuration. Pods outside reach it by WebSocket behind the proxy, which brings TLS."""
    return (
        configuration("0.0.0.0:4222", Path("/data/store"))
        + 'http: "0.0.0.0:8222"\n'
        + f'websocket {{ listen: "0.0.0.0:{WEBSOCKETS_PORT}", no_tls: true, compression: false }}\n'
        + _trust(material)
    )


def _trust(material: Material) -> str:
    """Whom a server believes; a file to include where a chart writes the rest (k8s/platform/nats.yaml)."""
    preload = "".join(f"  {account}: {quoted(token)}\n" for account, token in material.broker.accounts().items())
    return material.broker.server_config("/data/resolver") + f"resolver_preload {{\n{preload}}}\n"


def _valkey(password: str) -> str:
    """A cache: nothing is written to disk."""
    return ('bind 0.0.0.0\nport 6379\ndir "/tmp"\nsave ""\nappendonly no\nmaxmemory 96mb\n'
            f"maxmemory-policy allkeys-lru\nrequirepass {password}\n")


def _identities(material: Material) -> str:
    """SeaweedFS's file: one identity, for the product's buckets and their making."""
    passwords = material.passwords
    keys = {"accessKey": passwords.s3_access_key, "secretKey": passwords.s3_secret_key}
    allowed = [f"{action}:{bucket}" for bucket in BUCKETS for action in ("Read", "Write", "List", "Admin")]
    return json.dumps({"identities": [{"name": "brightrun", "credentials": [keys], "actions": allowed}]}, indent=1)
