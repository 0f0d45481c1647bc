"""Who is given what: a folder of files for each container, and nothing that another one needs.

A service reads the files named like its variables by itself (`BRIGHTRUN_SECRETS_DIR`); others are named to it by path.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
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
# Where a container finds its folder, and in it what it believes and what a server shows of itself. Names as those of
# Kubernetes' own Secrets of certificates.
MOUNTED_AT = "/run/secrets/brightrun"
CA, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"
# Valkey looks for another certificate so often; the others are told by a signal.
_RELOAD_S = 3600


# Servers that show a certificate, and everybody who is to believe them.
SHOW_CERTIFICATES = ("postgres", "nats", "valkey", "s3")
BELIEVE = (*SERVICES, DASHBOARD, TOPOLOGY, MIGRATIONS, BUCKET_JOB, "backup", "proxy")


@dataclass(frozen=True)
class Addresses:
    """How the servers are called among the containers. `authority`: a file there that holds whom clients believe;
    another one than ours: somebody else makes the servers' certificates."""

    postgres: str = "postgres:5432"
    valkey: str = "valkey:6379"
    namespace: str = "brightrun"
    authority: str = f"{MOUNTED_AT}/{CA}"

    @property
    def own_authority(self) -> bool:
        return self.authority == f"{MOUNTED_AT}/{CA}"

    def hosts(self, server: str) -> tuple[str, ...]:
        """All names under which a server is called: among containers, in a cluster, by its own health check."""
        told = {"postgres": self.postgres, "valkey": self.valkey}.get(server, server).partition(":")[0]
        inside = f"{server}.{self.namespace}"
        return tuple(dict.fromkeys((server, told, inside, f"{inside}.svc", f"{inside}.svc.cluster.local", "localhost")))


@dataclass(frozen=True)
class Folder:
    """`owner` is the user of the container that reads it."""

    name: str
    owner: int
    files: dict[str, str] = field(repr=False)


def folders(material: Material, addresses: Addresses) -> list[Folder]:
    """Certificates that are missing, end soon or are to be renewed are made on the way."""
    if not addresses.own_authority:
        return _without_certificates(material, addresses)
    believed = {CA: material.authority.own.text}
    shown = {server: believed | _shown(server, material, addresses) for server in SHOW_CERTIFICATES}
    more = {name: shown.get(name, believed) for name in (*SHOW_CERTIFICATES, *BELIEVE)}
    return [replace(folder, files=folder.files | more.get(folder.name, {}))
            for folder in _without_certificates(material, addresses)]


def _shown(server: str, material: Material, addresses: Addresses) -> dict[str, str]:
    pair = material.authority.server(server, addresses.hosts(server))
    return {CERTIFICATE: pair.text, KEY: pair.key_text}


def _without_certificates(material: Material, addresses: Addresses) -> list[Folder]:
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
        Folder("proxy", ROOT, {}),
        # Filled by others: by hand, with the webhook's address for alerts; by the job that makes the first key.
        Folder("alertmanager", NOBODY, {}),
        Folder("first", BRIGHTRUN, {}),
    ]


def _service(name: str, material: Material, addresses: Addresses) -> dict[str, str]:
    files = {"brightrun_database_url": _database_url(name, material, addresses),
             "brightrun_database_tenant_url": _tenant_url(name, material, addresses),
             CREDS: material.broker.creds_file(name).read_text()}
    if name in USES_VALKEY:
        files["brightrun_redis_url"] = _valkey_url(material, addresses)
    if name in USES_OBJECTS:
        files |= _objects(material)
    if name == "job_api":
        files["brightrun_webhook_secret"] = material.passwords.webhook
    if name == "provisioner":
        files |= _pod_keys(material)
    return files


def _database_url(name: str, material: Material, addresses: Addresses) -> str:
    return f"postgresql+asyncpg://{name}:{material.passwords.databases[name]}@{addresses.postgres}/{name}?{_verified(addresses)}"


def _tenant_url(name: str, material: Material, addresses: Addresses) -> str:
    """Of the role that sees one workspace at a time."""
    role, password = f"{name}{TENANT_SUFFIX}", material.passwords.tenants[name]
    return f"postgresql+asyncpg://{role}:{password}@{addresses.postgres}/{name}?{_verified(addresses)}"


def _superuser(material: Material, addresses: Addresses) -> str:
    return f"postgresql://postgres:{material.passwords.postgres}@{addresses.postgres}/postgres?{_verified(addresses)}"


def _verified(addresses: Addresses) -> str:
    return f"sslmode=verify-full&sslrootcert={addresses.authority}"


def _valkey_url(material: Material, addresses: Addresses) -> str:
    return f"rediss://:{material.passwords.valkey}@{addresses.valkey}/0?ssl_ca_certs={addresses.authority}"


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
    """The server's configuration, TLS at each way in. Pods outside reach it by WebSocket behind the proxy."""
    tls = f'tls {{ cert_file: "{MOUNTED_AT}/{CERTIFICATE}", key_file: "{MOUNTED_AT}/{KEY}" }}'
    return (
        configuration("0.0.0.0:4222", Path("/data/store"))
        + 'http: "0.0.0.0:8222"\n'
        + f'{tls}\nwebsocket {{ listen: "0.0.0.0:{WEBSOCKETS_PORT}", {tls}, compression: false }}\n'
        + _trust(material)
    )


def _trust(material: Material) -> str:
    """Whom a server believes; a file to include where a chart writes the rest (k8s/platform/nats.yaml)."""
    preload = "".join(f"  {account}: {quoted(token)}\n" for account, token in material.broker.accounts().items())
    return material.broker.server_config("/data/resolver") + f"resolver_preload {{\n{preload}}}\n"


def _valkey(password: str) -> str:
    """A cache: nothing is written to disk. By TLS alone; a client shows its password."""
    return (f"bind 0.0.0.0\nport 0\ntls-port 6379\ntls-cert-file {MOUNTED_AT}/{CERTIFICATE}\n"
            f"tls-key-file {MOUNTED_AT}/{KEY}\ntls-auth-clients no\ntls-auto-reload-interval {_RELOAD_S}\n"
            'dir "/tmp"\nsave ""\nappendonly no\nmaxmemory 96mb\n'
            f"maxmemory-policy allkeys-lru\nrequirepass {password}\n")


def _identities(material: Material) -> str:
    """SeaweedFS's file: one identity, for the product's buckets and their making."""
    passwords = material.passwords
    keys = {"accessKey": passwords.s3_access_key, "secretKey": passwords.s3_secret_key}
    allowed = [f"{action}:{bucket}" for bucket in BUCKETS for action in ("Read", "Write", "List", "Admin")]
    return json.dumps({"identities": [{"name": "brightrun", "credentials": [keys], "actions": allowed}]}, indent=1)
