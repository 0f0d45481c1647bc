from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service_name: str = "metrics_ingest"
    # One transaction takes about this many points: 20 ms of decoding and half a second of storing on one slow core.
    points_per_transaction: int = Field(default=40_000, ge=1)
    # What one job can store, of all its metrics together: twelve metrics of 1.6 million steps.
    points_per_job: int = Field(default=20_000_000, ge=1)
    batch_max_wait_s: float = Field(default=0.1, gt=0)
    # The hot window keeps this many of the newest points of every metric of a job.
    hot_points: int = Field(default=2_000, ge=100)
    hot_ttl_s: int = Field(default=3_600, ge=1)
    # A block of steps is packed into columns when nothing has been added to it for this long.
    pack_quiet_s: float = Field(default=5.0, ge=0)
    pack_interval_s: float = Field(default=2.0, gt=0)
    # 0 keeps points until their job is deleted.
    retention_days: int = Field(default=0, ge=0)
    # The output of an attempt is kept for so long after its last line; 0 keeps it until its job is deleted.
    log_retention_days: int = Field(default=30, ge=0)
    # What one job's output may take, its attempts together; beyond it the oldest lines go.
    log_bytes_per_job: int = Field(default=64 * 1024**2, ge=1)
    cleaning_interval_s: float = Field(default=60.0, gt=0)
