"""What job_api is told from outside."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from contracts.gpus import GpuType
from contracts.job_status import JobStatus
from contracts.local_base_model import SHIPPED_BASE_MODEL
from services.job_api.edge.rate_limits.policies import Policies, Quota, RouteClass
from services.job_api.jobs.domain.queue import QueueLimits

PRODUCTION_BASE_MODEL = "meta-llama/Meta-Llama-3-70B-Instruct"
_QUOTA = r"^\d{1,9}/[1-9]\d{0,5}$"


class Settings(ServiceSettings):
    """`BRIGHTRUN_PROVIDER` decides which GPU and which base model a job gets unless it says otherwise."""

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True,
                                      populate_by_name=True)

    service_name: str = "job_api"
    http_port: int = Field(default=8700, ge=0, le=65535)
    provider: str = "local"
    base_model: str = Field(default="", validation_alias=AliasChoices("BASE_MODEL", "BRIGHTRUN_BASE_MODEL"))
    base_model_dir: Path = SHIPPED_BASE_MODEL
    # How clients reach this API, without a path: https://api.example.com. Put before the links in answers; empty: the
    # links are paths, which every client can resolve against the address it called.
    public_url: str = Field(default="", pattern=r"^$|^https?://[^\s/?#]+(/[^\s?#]*)?$")
    # Of the web page, as people reach it: `/` leads browsers there. Empty: `/` shows links to the documentation.
    dashboard_url: str = Field(default="", pattern=r"^$|^https?://[^\s/?#]+(/[^\s?#]*)?$")
    # Signs webhooks (`X-Brightrun-Signature`) about any workspace's jobs: whoever has it speaks for all of them. Empty
    # (better): each workspace has a secret of its own, which an admin makes over REST.
    webhook_secret: SecretStr = SecretStr("")
    webhook_tolerance_s: int = Field(default=300, ge=1)
    # Open event streams of this process, in all, of one workspace and of one key or token's subject; each costs a
    # little memory and one query per event.
    max_streams: int = Field(default=500, ge=1)
    max_streams_per_workspace: int = Field(default=200, ge=1)
    max_streams_per_caller: int = Field(default=50, ge=1)
    # Also how often a stream's credentials are looked at again.
    stream_heartbeat_s: float = Field(default=15.0, gt=0)
    # Workspaces whose admins run the installation (rates, everybody's dead letters), beside the one that bootstrap
    # made; in JSON form: ["0198a000-0000-7000-8000-000000000001"]
    operator_workspaces: tuple[UUID, ...] = ()
    # How long a job may wait in each status before it is given up. The provisioner waits for capacity by itself
    # (BRIGHTRUN_CAPACITY_WAIT_S, 24 hours); the first machine of a 70B job loads the model for an hour.
    queued_limit_s: float = Field(default=3600, gt=0)
    provisioning_limit_s: float = Field(default=26 * 3600, gt=0)
    preprocessing_limit_s: float = Field(default=2 * 3600, gt=0)
    model_loading_limit_s: float = Field(default=6 * 3600, gt=0)
    finalization_limit_s: float = Field(default=6 * 3600, gt=0)
    recovering_limit_s: float = Field(default=2 * 3600, gt=0)
    # A paused job keeps its checkpoints so long; then it fails, and they are kept as those of any ended job.
    paused_limit_s: float = Field(default=30 * 24 * 3600, gt=0)
    # Jobs that are active at a time, of one user and of one workspace; further starts wait for their turn. 0: any
    # number.
    max_active_jobs_per_user: int = Field(default=1, ge=0)
    max_active_jobs_per_workspace: int = Field(default=3, ge=0)
    # Progress and cost that releases before logged every few seconds stay so long; milestones stay for ever.
    log_retention_days: int = Field(default=30, ge=1)
    # Uploads that no job uses are removed after so long; 0 keeps them until somebody deletes them. What an interrupted
    # upload or deletion left goes after `interrupted_upload_h`: longer than any upload takes.
    upload_retention_days: int = Field(default=0, ge=0)
    interrupted_upload_h: float = Field(default=1.0, ge=0.25)
    # What was prepared for a download (ZIPs, tables of metrics) goes so long after its last URL ended, which works for
    # 24 hours. It is made anew when it is asked for again.
    download_retention_h: float = Field(default=24.0, ge=1)
    # For so long a POST that is repeated with its Idempotency-Key gets the first answer.
    idempotency_retention_h: float = Field(default=24.0, ge=1)
    # Uploads are read in processes of their own: how many at a time, and what each may take.
    imports_at_once: int = Field(default=2, ge=1)
    import_time_s: float = Field(default=240.0, gt=0)
    import_memory_mb: int = Field(default=2048, ge=512)
    # Browsers that may call the API from another origin, comma-separated in JSON form: ["https://app.example.com"]
    cors_origins: tuple[str, ...] = ()

    # Addresses and networks of the proxies before this API, in JSON form: ["10.0.0.0/8"]. Only what they say in
    # X-Forwarded-For is believed; empty: the caller's address is that of the connection.
    trusted_proxies: tuple[str, ...] = ()
    # How much may be asked, as requests/seconds; 0/60: any number. Counted in Valkey (BRIGHTRUN_REDIS_URL) for all
    # replicas together; without Valkey there are no limits.
    rate_limits: bool = True
    rate_reads_per_key: str = Field(default="12000/60", pattern=_QUOTA)
    rate_reads_per_workspace: str = Field(default="48000/60", pattern=_QUOTA)
    rate_writes_per_key: str = Field(default="3600/60", pattern=_QUOTA)
    rate_writes_per_workspace: str = Field(default="14400/60", pattern=_QUOTA)
    rate_uploads_per_key: str = Field(default="120/60", pattern=_QUOTA)
    rate_uploads_per_workspace: str = Field(default="480/60", pattern=_QUOTA)
    # Of callers without valid credentials, by address: wrong keys and tokens, beginnings of sign-ins; webhooks.
    rate_sign_ins_per_address: str = Field(default="60/60", pattern=_QUOTA)
    rate_webhooks_per_address: str = Field(default="12000/60", pattern=_QUOTA)

    def public(self, path: str) -> str:
        """An address as clients reach it."""
        return self.public_url.rstrip("/") + path

    @property
    def counts_requests(self) -> bool:
        return self.rate_limits and bool(self.redis_url)

    @property
    def rate_policies(self) -> Policies:
        """Which hold where requests are counted."""
        reads, writes, uploads = RouteClass.READS, RouteClass.WRITES, RouteClass.UPLOADS
        return Policies(
            per_key=_quotas({reads: self.rate_reads_per_key, writes: self.rate_writes_per_key,
                             uploads: self.rate_uploads_per_key}),
            per_workspace=_quotas({reads: self.rate_reads_per_workspace, writes: self.rate_writes_per_workspace,
                                   uploads: self.rate_uploads_per_workspace}),
            per_address=_quotas({RouteClass.SIGN_INS: self.rate_sign_ins_per_address,
                                 RouteClass.WEBHOOKS: self.rate_webhooks_per_address}))

    @property
    def waiting_limits(self) -> dict[JobStatus, timedelta]:
        limits = {
            JobStatus.QUEUED: self.queued_limit_s, JobStatus.PROVISIONING: self.provisioning_limit_s,
            JobStatus.PREPROCESSING: self.preprocessing_limit_s, JobStatus.MODEL_LOADING: self.model_loading_limit_s,
            JobStatus.FINALIZATION: self.finalization_limit_s, JobStatus.RECOVERING: self.recovering_limit_s,
            JobStatus.PAUSED: self.paused_limit_s}
        return {status: timedelta(seconds=seconds) for status, seconds in limits.items()}

    @property
    def queue_limits(self) -> QueueLimits:
        return QueueLimits(self.max_active_jobs_per_user, self.max_active_jobs_per_workspace)

    @property
    def default_gpu_type(self) -> GpuType:
        return GpuType.LOCAL if self.provider == "local" else GpuType.H100_PCIE_80GB

    @property
    def default_base_model(self) -> str:
        """A hub id or a folder, as the trainer loads it."""
        if self.base_model:
            return self.base_model
        return str(self.base_model_dir) if self.provider == "local" else PRODUCTION_BASE_MODEL


def _quotas(texts: dict[RouteClass, str]) -> dict[RouteClass, Quota]:
    parsed = {kind: Quota.parse(text) for kind, text in texts.items()}
    return {kind: quota for kind, quota in parsed.items() if quota is not None}
