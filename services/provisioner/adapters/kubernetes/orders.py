"""What is asked of the API server: a Job, the Secret with its environment, its end."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Order(BaseModel):
    """Only known fields, in Kubernetes' spelling; what is None is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True,
                              hide_input_in_errors=True)

    def body(self) -> dict[str, object]:
        return self.model_dump(by_alias=True, exclude_none=True)


class OwnerReference(Order):
    """Without `blockOwnerDeletion`, which would ask for a right over the owner's finalizers."""

    api_version: Literal["batch/v1"] = "batch/v1"
    kind: Literal["Job"] = "Job"
    name: str
    uid: str


class OrderMetadata(Order):
    name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class EnvironmentVariable(Order):
    name: str
    value: str


class SecretRef(Order):
    name: str
    optional: bool | None = None


class EnvironmentSource(Order):
    secret_ref: SecretRef


class Resources(Order):
    requests: dict[str, str]
    limits: dict[str, str]


class Capabilities(Order):
    drop: list[str] = ["ALL"]


class ContainerSecurity(Order):
    allow_privilege_escalation: bool = False
    read_only_root_filesystem: bool = True
    capabilities: Capabilities = Capabilities()


class VolumeMount(Order):
    name: str
    mount_path: str


class Container(Order):
    name: str
    image: str
    image_pull_policy: str
    env: list[EnvironmentVariable]
    env_from: list[EnvironmentSource]
    resources: Resources
    security_context: ContainerSecurity = ContainerSecurity()
    volume_mounts: list[VolumeMount]
    termination_message_policy: str = "FallbackToLogsOnError"


class EmptyDir(Order):
    medium: str | None = None
    size_limit: str | None = None


class Claim(Order):
    claim_name: str


class Volume(Order):
    name: str
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: Claim | None = None


class TolerationOrder(Order):
    key: str | None = None
    operator: str
    value: str | None = None
    effect: str | None = None


class SeccompProfile(Order):
    type: str = "RuntimeDefault"


class PodSecurity(Order):
    run_as_non_root: bool = True
    run_as_user: int
    run_as_group: int
    fs_group: int
    fs_group_change_policy: str = "OnRootMismatch"
    seccomp_profile: SeccompProfile = SeccompProfile()


class Reference(Order):
    name: str


class PodSpec(Order):
    restart_policy: Literal["Never"] = "Never"
    active_deadline_seconds: int | None = None
    termination_grace_period_seconds: int
    automount_service_account_token: bool = False
    enable_service_links: bool = False
    service_account_name: str | None = None
    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    image_pull_secrets: list[Reference] | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[TolerationOrder] | None = None
    security_context: PodSecurity
    containers: list[Container]
    volumes: list[Volume]


class PodTemplate(Order):
    metadata: OrderMetadata
    spec: PodSpec


class JobOrderSpec(Order):
    """Suspended until its Secret exists. No second pod, whatever becomes of the first."""

    suspend: bool = True
    completions: int = 1
    parallelism: int = 1
    backoff_limit: int = 0
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int
    template: PodTemplate


class JobOrder(Order):
    api_version: Literal["batch/v1"] = "batch/v1"
    kind: Literal["Job"] = "Job"
    metadata: OrderMetadata
    spec: JobOrderSpec


class SecretOrder(Order):
    api_version: Literal["v1"] = "v1"
    kind: Literal["Secret"] = "Secret"
    type: Literal["Opaque"] = "Opaque"
    immutable: bool = True
    metadata: OrderMetadata
    string_data: dict[str, str] = Field(repr=False)


class Preconditions(Order):
    uid: str


class DeleteOptions(Order):
    """Foreground: the object stays to be seen until everything that it owns is gone."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["DeleteOptions"] = "DeleteOptions"
    propagation_policy: Literal["Foreground"] = "Foreground"
    preconditions: Preconditions
