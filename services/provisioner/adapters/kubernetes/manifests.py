"""One attempt's machine as a Job, and its environment as a Secret."""

from __future__ import annotations

import secrets

from services.provisioner.adapters.kubernetes.configuration import Configuration, Place
from services.provisioner.adapters.kubernetes.documents import Metadata
from services.provisioner.adapters.kubernetes.orders import (
    Claim,
    Container,
    EmptyDir,
    EnvironmentSource,
    EnvironmentVariable,
    JobOrder,
    JobOrderSpec,
    OrderMetadata,
    OwnerReference,
    PodSecurity,
    PodSpec,
    PodTemplate,
    Reference,
    Resources,
    SecretOrder,
    SecretRef,
    TolerationOrder,
    Volume,
    VolumeMount,
)
from services.provisioner.domain.names import parse_pod_name
from services.provisioner.domain.prices import MachinePrice
from services.provisioner.ports import PodRequest

CONTAINER = "trainer"
NAME = "brightrun/pod-name"
# Of the Job: the Secret's name, and the price as it was when the machine was asked for.
SECRET = "brightrun/secret"  # noqa: S105  the name of an annotation
_MODEL, _RATE = "brightrun/gpu-model", "brightrun/micro-usd-per-hour"
_ON_DEMAND = "brightrun/on-demand-micro-usd-per-hour"
# Last words and the delivery of what is finished: the trainer keeps its own time.
_MARGIN_S = 900
# Where the read-only image may write. HOME is in /tmp: Triton compiles into it.
_PATHS = {"work": "/work", "tmp": "/tmp", "models": "/models", "shm": "/dev/shm"}  # noqa: S108
_ENVIRONMENT = {"HOME": "/tmp", "BRIGHTRUN_WORK_DIR": "/work", "HF_HOME": "/models"}  # noqa: S108


def selector(configuration: Configuration, name: str = "") -> str:
    """Of everything that this installation has made; or of what belongs to one machine."""
    labels = _labels(configuration) | ({NAME: name} if name else {})
    return ",".join(f"{key}={value}" for key, value in labels.items())


def job_order(configuration: Configuration, request: PodRequest, place: Place) -> JobOrder:
    """`activeDeadlineSeconds` of a pod counts from its node's taking it, of a Job from its beginning: the Job's is for
    one that stays in between."""
    labels, secret = _labels_of(configuration, request), f"{request.name}-{secrets.token_hex(4)}"
    limit_s = None if request.max_duration_s is None else request.max_duration_s + _MARGIN_S
    waits_s = int(configuration.schedule_wait_s + configuration.image_wait_s) + _MARGIN_S
    notes = _price_notes(place.price) | {SECRET: secret}
    return JobOrder(
        metadata=OrderMetadata(name=request.name, labels=labels, annotations=notes),
        spec=JobOrderSpec(
            ttl_seconds_after_finished=configuration.keep_finished_s,
            active_deadline_seconds=None if limit_s is None else limit_s + waits_s,
            template=PodTemplate(metadata=OrderMetadata(labels=labels),
                                 spec=_pod(configuration, request, place, secret, limit_s))))


def secret_order(configuration: Configuration, request: PodRequest, job: Metadata) -> SecretOrder:
    """It ends with its Job. The whole environment: whoever may read Jobs need not read that."""
    return SecretOrder(
        metadata=OrderMetadata(name=job.annotations[SECRET], labels=_labels_of(configuration, request),
                               owner_references=[OwnerReference(name=job.name, uid=job.uid)]),
        string_data=dict(request.environment))


def noted_price(annotations: dict[str, str]) -> MachinePrice:
    return MachinePrice(annotations.get(_MODEL, ""), _whole(annotations, _RATE), _whole(annotations, _ON_DEMAND))


def _price_notes(price: MachinePrice) -> dict[str, str]:
    notes = {_MODEL: price.gpu_model, _RATE: price.rate_micro_usd_per_hour,
             _ON_DEMAND: price.on_demand_micro_usd_per_hour}
    return {key: str(value) for key, value in notes.items() if value}


def _whole(annotations: dict[str, str], key: str) -> int | None:
    """Anybody may edit an annotation: what is no number is no price."""
    text = annotations.get(key, "")
    return int(text) if text.isascii() and text.isdecimal() else None


def _labels(configuration: Configuration) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "brightrun-provisioner", "app.kubernetes.io/component": CONTAINER,
            "app.kubernetes.io/instance": configuration.installation}


def _labels_of(configuration: Configuration, request: PodRequest) -> dict[str, str]:
    labels = _labels(configuration) | {"app.kubernetes.io/name": "brightrun", NAME: request.name}
    if (named := parse_pod_name(request.name)) is not None:
        labels |= {"brightrun/job-id": str(named[0]), "brightrun/attempt": str(named[1])}
    if request.workspace_id is not None:
        labels["brightrun/workspace-id"] = str(request.workspace_id)
    return labels


def _pod(
    configuration: Configuration, request: PodRequest, place: Place, secret: str, limit_s: int | None
) -> PodSpec:
    user, nodes, tier = configuration.run_as_user, place.nodes, place.tier
    return PodSpec(
        active_deadline_seconds=limit_s, termination_grace_period_seconds=configuration.stop_grace_s,
        service_account_name=configuration.service_account or None,
        priority_class_name=configuration.priority_class or None,
        runtime_class_name=configuration.runtime_class or None,
        image_pull_secrets=[Reference(name=name) for name in configuration.image_pull_secrets] or None,
        node_selector={**nodes.node_selector, **tier.node_selector} or None,
        tolerations=[_toleration(one.model_dump()) for one in (*nodes.tolerations, *tier.tolerations)] or None,
        security_context=PodSecurity(run_as_user=user, run_as_group=user, fs_group=user),
        containers=[_container(configuration, request, place, secret)], volumes=_volumes(configuration, place))


def _toleration(given: dict[str, str | None]) -> TolerationOrder:
    return TolerationOrder.model_validate({key: value for key, value in given.items() if value})


def _container(configuration: Configuration, request: PodRequest, place: Place, secret: str) -> Container:
    """Kubernetes prefers `env` to a Secret: what the request says must not stand there too."""
    env = {name: value for name, value in {**_ENVIRONMENT, **configuration.environment}.items()
           if name not in request.environment}
    sources = [EnvironmentSource(secret_ref=SecretRef(name=secret))]
    if configuration.environment_secret:
        sources.insert(0, EnvironmentSource(secret_ref=SecretRef(name=configuration.environment_secret)))
    return Container(
        name=CONTAINER, image=configuration.image, image_pull_policy=configuration.image_pull_policy,
        env=[EnvironmentVariable(name=name, value=value) for name, value in env.items()], env_from=sources,
        resources=_resources(place), volume_mounts=[VolumeMount(name=name, mount_path=path)
                                                    for name, path in _PATHS.items()])


def _resources(place: Place) -> Resources:
    """No limit of processor time: what is free on the node is taken. The others must be equal, or may."""
    nodes = place.nodes
    gpus = {nodes.resource: str(nodes.count)} if nodes.count else {}
    limits = {"memory": nodes.memory, "ephemeral-storage": nodes.disk, **gpus}
    return Resources(requests={"cpu": nodes.cpu, **limits}, limits=limits)


def _volumes(configuration: Configuration, place: Place) -> list[Volume]:
    models = (Volume(name="models", persistent_volume_claim=Claim(claim_name=configuration.models_claim))
              if configuration.models_claim else Volume(name="models", empty_dir=EmptyDir()))
    return [Volume(name="work", empty_dir=EmptyDir(size_limit=place.nodes.disk)),
            Volume(name="tmp", empty_dir=EmptyDir()), models,
            Volume(name="shm", empty_dir=EmptyDir(medium="Memory", size_limit=configuration.shared_memory))]
