"""What job_api is told from outside."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from contracts.gpus import GpuType

PRODUCTION_BASE_MODEL = "meta-llama/Meta-Llama-3-70B-Instruct"


class Settings(ServiceSettings):
    """`BRIGHTRUN_PROVIDER` decides which GPU and which base model a job gets unless it says otherwise."""

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True,
                                      populate_by_name=True)

    service_name: str = "job_api"
    http_port: int = Field(default=8700, ge=0, le=65535)
    provider: str = "local"
    base_model: str = Field(default="", validation_alias=AliasChoices("BASE_MODEL", "BRIGHTRUN_BASE_MODEL"))
    base_model_dir: Path = Path(".data/models/base")
    # Signs the webhook (`X-Brightrun-Signature`); empty: the webhook is switched off.
    webhook_secret: SecretStr = SecretStr("")
    webhook_tolerance_s: int = Field(default=300, ge=1)
    # Open event streams of this process; each costs a little memory and one query per event.
    max_streams: int = Field(default=500, ge=1)
    stream_heartbeat_s: float = Field(default=15.0, gt=0)
    # Uploads are read in processes of their own: how many at a time, and what each may take.
    imports_at_once: int = Field(default=2, ge=1)
    import_time_s: float = Field(default=240.0, gt=0)
    import_memory_mb: int = Field(default=2048, ge=512)
    # Browsers that may call the API from another origin, comma-separated in JSON form: ["https://app.example.com"]
    cors_origins: tuple[str, ...] = ()

    @property
    def default_gpu_type(self) -> GpuType:
        return GpuType.LOCAL if self.provider == "local" else GpuType.H100_PCIE_80GB

    @property
    def default_base_model(self) -> str:
        """A hub id or a folder, as the trainer loads it."""
        if self.base_model:
            return self.base_model
        return str(self.base_model_dir) if self.provider == "local" else PRODUCTION_BASE_MODEL
