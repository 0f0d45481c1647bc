"""Composition root: settings -> provider, broker access, subscribers, workers -> ASGI app."""

from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette

from chassis.database.leases import Lease
from chassis.messaging.tls import nats_tls
from chassis.runtime import ServiceRuntime, worker_app
from services.provisioner.adapters.kubernetes import configuration as kubernetes
from services.provisioner.adapters.kubernetes.provider import KubernetesProvider
from services.provisioner.adapters.local import LocalProvider, LocalSettings
from services.provisioner.adapters.nats_access import NatsAccess, OpenBroker
from services.provisioner.adapters.runpod import configuration as runpod
from services.provisioner.adapters.runpod.provider import RunPodProvider
from services.provisioner.adapters.tables import metadata
from services.provisioner.application.queries.job_workspaces import JobWorkspaces
from services.provisioner.application.workers import deadlines
from services.provisioner.application.workers.checkpoint_cleaner import CheckpointCleaner
from services.provisioner.application.workers.context import WorkerContext
from services.provisioner.application.workers.create_pod import CreatePod
from services.provisioner.application.workers.metrics import Metrics
from services.provisioner.application.workers.pod_request import PodDefaults
from services.provisioner.application.workers.poll_pod import PollPod
from services.provisioner.application.workers.reaper import Reaper
from services.provisioner.application.workers.reconciler import Reconciler, follow_changes
from services.provisioner.application.workers.revoker import Revoker
from services.provisioner.application.workers.terminate_pod import TerminatePod
from services.provisioner.domain.request_rates import RequestRates
from services.provisioner.ports import BrokerAccess, ComputeProvider
from services.provisioner.settings import Settings
from services.provisioner.subscribers import events, pod_requests, requests

# Where `python -m trainer_image` finds its package.
_ROOT = Path(__file__).resolve().parents[2]
_CLEAN_INTERVAL_S, _REVOKE_INTERVAL_S = 5.0, 2.0


def build_app(settings: Settings, provider: ComputeProvider | None = None) -> Starlette:
    """`provider` replaces the one the settings name (tests)."""
    return worker_app(build_runtime(settings, provider or provider_of(settings)))


def build_runtime(settings: Settings, provider: ComputeProvider) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, with_objects=True)
    context = WorkerContext(runtime.database, provider, settings.policy(), runtime.clock, Metrics(runtime.registry),
                            settings.call_timeout_s)
    runtime.include(events.events, requests.requests, pod_requests.requests,
                    provider=provider, policy=context.policy, objects=runtime.objects,
                    database_clock=context.database_clock, job_workspaces=JobWorkspaces(runtime.database),
                    request_rates=RequestRates(settings.request_rates()))
    _add_pod_workers(runtime, settings, context, broker_access(settings))
    _add_periodic_workers(runtime, settings, context)
    return runtime


def _add_pod_workers(
    runtime: ServiceRuntime, settings: Settings, context: WorkerContext, access: BrokerAccess
) -> None:
    reconciler = Reconciler(
        context, create=CreatePod(context, access, pod_defaults(settings)),
        poll=PollPod(context, runtime.objects), terminate=TerminatePod(context), lease_s=settings.lease_s,
    )
    revoker = Revoker(context, access, Lease(context.database, "revoker"))
    runtime.background("reconciler", reconciler.run)
    runtime.background("provider_changes", lambda: follow_changes(context))
    runtime.periodic("revoker", _REVOKE_INTERVAL_S, revoker.revoke)


def _add_periodic_workers(runtime: ServiceRuntime, settings: Settings, context: WorkerContext) -> None:
    silent = deadlines.SilentPods(context, lambda: runtime.bus.is_connected)
    cleaner = CheckpointCleaner(context, runtime.objects, timedelta(hours=settings.checkpoint_retention_h))
    every_s = settings.sweep_interval_s
    runtime.periodic("silent_pods", every_s, silent.interrupt)
    runtime.periodic("overdue_jobs", every_s, lambda: deadlines.end_overdue_jobs(context))
    runtime.periodic("overdue_drains", every_s, lambda: deadlines.end_overdue_drains(context))
    runtime.periodic("pod_figures", every_s, lambda: deadlines.show_pods(context))
    runtime.periodic("reaper", settings.reap_interval_s, Reaper(context).reap)
    runtime.periodic("checkpoint_cleaner", _CLEAN_INTERVAL_S, cleaner.clean)


def provider_of(settings: Settings) -> ComputeProvider:
    match settings.provider:
        case "runpod":
            return RunPodProvider(runpod.Configuration.of(settings))
        case "kubernetes":
            return KubernetesProvider(kubernetes.Configuration.of(settings))
    return local_provider(settings)


def local_provider(settings: Settings) -> ComputeProvider:
    return LocalProvider(LocalSettings(
        root=settings.pods_dir, command=settings.trainer_command, working_directory=_ROOT,
        owner_pid=settings.stack_pid, max_pods=settings.local_max_pods,
    ))


def broker_access(settings: Settings) -> BrokerAccess:
    if not settings.nats_account_signing_seed_file:
        return OpenBroker()
    return NatsAccess(
        nats_url=settings.nats_url, services_account=settings.nats_account,
        pods_signing=Path(settings.nats_account_signing_seed_file),
        operator_signing=Path(settings.nats_operator_signing_seed_file),
        system_creds_file=settings.nats_system_creds_file,
        tls=nats_tls(settings.nats_url, settings.nats_tls_ca, settings.nats_tls_cert, settings.nats_tls_key),
    )


def pod_defaults(settings: Settings) -> PodDefaults:
    return PodDefaults(
        nats_url=settings.pod_nats_url or settings.nats_url, heartbeat_interval_s=settings.heartbeat_interval_s,
        checkpoint_every_steps=settings.checkpoint_every_steps, checkpoint_every_s=settings.checkpoint_every_s,
        checkpoints_kept=settings.checkpoints_kept, lease_s=settings.pod_lease_s,
        tls_authorities=settings.pod_authorities(),
    )
