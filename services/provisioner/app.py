"""Composition root: settings -> provider, credentials, consumers, answers, loops -> ASGI app."""

from datetime import timedelta
from pathlib import Path

from chassis.reconciler import every
from starlette.applications import Starlette

from chassis.messaging.nats_jwt import Key
from chassis.runtime import ServiceRuntime, worker_app
from services.provisioner.adapters.local import LocalProvider, LocalSettings
from services.provisioner.adapters.nats_users import NatsUsers, NoNatsUsers
from services.provisioner.cleaner import CheckpointCleaner, Revoker
from services.provisioner.creation import Creation
from services.provisioner.handlers import Handlers
from services.provisioner.hearing import Hearing
from services.provisioner.leases import Toolbox
from services.provisioner.metrics import Metrics
from services.provisioner.orders import PodDefaults
from services.provisioner.pod_desk import PodDesk
from services.provisioner.ports import ComputeProvider, CredentialIssuer
from services.provisioner.queries import Queries
from services.provisioner.reaper import Reaper
from services.provisioner.reconciler import Reconciler
from services.provisioner.removal import Removal
from services.provisioner.repository import pods
from services.provisioner.settings import Settings
from services.provisioner.sweeper import Sweeper
from services.provisioner.tables import metadata
from services.provisioner.watching import Watching

# Where `python -m trainer_image` finds its package.
_ROOT = Path(__file__).resolve().parents[2]
_CLEAN_INTERVAL_S, _REVOKE_INTERVAL_S = 5.0, 2.0


def build_app(settings: Settings, provider: ComputeProvider | None = None) -> Starlette:
    """`provider` replaces the one the settings name (tests)."""
    return worker_app(build_runtime(settings, provider or local_provider(settings)))


def build_runtime(settings: Settings, provider: ComputeProvider) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, with_objects=True)
    limits, credentials = settings.limits(), credential_issuer(settings)
    tools = Toolbox(runtime.database, provider, limits, runtime.clock, Metrics(runtime.registry),
                    settings.call_timeout_s)
    Handlers(provider=provider.name, limits=limits, clock=runtime.clock).register(runtime.bus)
    PodDesk(runtime.database, runtime.objects, runtime.clock,
            url_lifetime_s=settings.signed_url_lifetime_s).register(runtime.bus)
    Queries(runtime.database, provider).register(runtime.bus)
    _add_loops(runtime, settings, tools, credentials)
    return runtime


def _add_loops(
    runtime: ServiceRuntime, settings: Settings, tools: Toolbox, credentials: CredentialIssuer
) -> None:
    reconciler = Reconciler(
        tools, creation=Creation(tools, credentials, pod_defaults(settings)),
        watching=Watching(tools, runtime.objects), removal=Removal(tools), lease_s=settings.lease_s,
    )
    sweeper = Sweeper(tools, Hearing(runtime.clock, lambda: runtime.bus.is_connected))
    retention = timedelta(hours=settings.checkpoint_retention_h)
    cleaner = CheckpointCleaner(tools, runtime.objects, retention)
    revoker, reaper = Revoker(tools, credentials), Reaper(tools)
    runtime.background("reconciler", reconciler.run)
    runtime.background("provider_changes", lambda: follow_changes(tools))
    runtime.background("sweeper", lambda: every(settings.sweep_interval_s, sweeper.sweep, max_backoff_s=5.0))
    runtime.background("reaper", lambda: every(settings.reap_interval_s, reaper.reap))
    runtime.background("checkpoint_cleaner", lambda: every(_CLEAN_INTERVAL_S, cleaner.clean))
    runtime.background("revoker", lambda: every(_REVOKE_INTERVAL_S, revoker.revoke))


async def follow_changes(tools: Toolbox) -> None:
    """Have the reconciler look at once at a machine whose state changed."""
    async for name in tools.provider.changes():
        async with tools.database.transaction() as tx:
            await pods.make_due(tx, tools.clock.now(), [name])


def local_provider(settings: Settings) -> ComputeProvider:
    return LocalProvider(LocalSettings(
        root=settings.pods_dir, command=settings.trainer_command, working_directory=_ROOT,
        owner_pid=settings.stack_pid, max_pods=settings.local_max_pods,
    ))


def credential_issuer(settings: Settings) -> CredentialIssuer:
    if not settings.nats_account_signing_seed_file:
        return NoNatsUsers()
    return NatsUsers(
        nats_url=settings.nats_url, account=settings.nats_account,
        account_signing=_key(settings.nats_account_signing_seed_file),
        operator_signing=_key(settings.nats_operator_signing_seed_file),
        system_creds_file=settings.nats_system_creds_file,
    )


def pod_defaults(settings: Settings) -> PodDefaults:
    return PodDefaults(
        nats_url=settings.pod_nats_url or settings.nats_url, heartbeat_interval_s=settings.heartbeat_interval_s,
        checkpoint_every_steps=settings.checkpoint_every_steps, checkpoint_every_s=settings.checkpoint_every_s,
        checkpoints_kept=settings.checkpoints_kept,
    )


def _key(path: str) -> Key:
    return Key.from_seed(Path(path).read_text())
