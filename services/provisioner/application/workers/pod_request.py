"""The request for one attempt's machine: everything its trainer is told, as environment variables."""

from dataclasses import dataclass
from datetime import datetime

from contracts.pod_environment import NATS_CREDENTIALS_VARIABLE, SPEC_VARIABLE, PodSpec
from services.provisioner.domain.attempts import remaining_s
from services.provisioner.domain.model import Job, Pod
from services.provisioner.ports import PodCredentials, PodRequest


@dataclass(frozen=True)
class PodDefaults:
    """What is the same for every pod."""

    nats_url: str
    heartbeat_interval_s: float
    checkpoint_every_steps: int
    checkpoint_every_s: float
    checkpoints_kept: int
    lease_s: float = 2700.0
    tls_authorities: str = ""


def pod_spec(job: Job, pod: Pod, defaults: PodDefaults, now: datetime) -> PodSpec:
    """`max_duration_s` is what is left of the job's time: with `lease_s` the pod's own dead man's switches."""
    assert job.spec is not None
    return PodSpec(
        job_id=job.job_id, workspace_id=job.workspace_id, attempt=pod.attempt, pod_name=pod.pod_name,
        nats_url=defaults.nats_url, tls_authorities=defaults.tls_authorities,
        base_model=job.spec.base_model, hyperparameters=job.spec.hyperparameters,
        training_file_sha256=job.spec.training_file.sha256, max_duration_s=remaining_s(job, now),
        heartbeat_interval_s=defaults.heartbeat_interval_s, checkpoint_every_steps=defaults.checkpoint_every_steps,
        checkpoint_every_s=defaults.checkpoint_every_s, checkpoints_kept=defaults.checkpoints_kept,
        lease_s=defaults.lease_s, traceparent=job.traceparent, continues=job.spec.continues,
    )


def pod_request(pod: Pod, spec: PodSpec, credentials: PodCredentials | None) -> PodRequest:
    environment = {SPEC_VARIABLE: spec.model_dump_json(),
                   NATS_CREDENTIALS_VARIABLE: credentials.text if credentials else ""}
    if spec.base_model:
        environment["BASE_MODEL"] = spec.base_model
    return PodRequest(pod.pod_name, pod.gpu_type, pod.pricing_tier, environment, pod.workspace_id, spec.max_duration_s)
