from pydantic import Field, SecretStr

from chassis.settings import ServiceSettings
from services.notifier.domain.addresses import Audience


class Settings(ServiceSettings):
    """Nothing set: messages go to the log. The web address is put into messages as the link to a job."""

    service_name: str = "notifier"
    slack_webhook_url: SecretStr = SecretStr("")
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_start_tls: bool = True
    email_from: str = "brightrun@localhost"
    email_to: tuple[str, ...] = ()
    # Also write to who created the job.
    email_job_creator: bool = True
    public_url: str = ""
    # After the first, second, ... failure; used up, the delivery is given up. After Svix's schedule.
    retry_delays_s: tuple[float, ...] = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000)
    # For each step of a delivery: to connect, to send, to get the answer.
    send_timeout_s: float = Field(default=15.0, gt=0)
    poll_s: float = Field(default=5.0, gt=0)
    # What was sent (or given up) is remembered so long, and not sent again: longer than streams and dead letters can
    # repeat an event.
    notification_retention_days: int = Field(default=120, ge=15)

    @property
    def send_limit_s(self) -> float:
        """All steps of one delivery together."""
        return 3 * self.send_timeout_s

    @property
    def lease_s(self) -> float:
        """A delivery that takes longer than this has lost its sender, who may have asked for an address first."""
        return 4 * self.send_timeout_s + self.request_timeout_s

    @property
    def audience(self) -> Audience:
        return Audience(
            slack=bool(self.slack_webhook_url.get_secret_value()), email=bool(self.smtp_host),
            recipients=self.email_to, job_creator=self.email_job_creator,
        )
