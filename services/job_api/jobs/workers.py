"""What happens to jobs by time."""

from datetime import timedelta

from chassis.messaging.bus import Bus
from chassis.runtime import ServiceRuntime
from contracts.streams import consumers_of
from services.job_api.jobs.application.counting import show_figures
from services.job_api.jobs.application.queue import dispatch_all
from services.job_api.jobs.application.reservations import release_abandoned
from services.job_api.jobs.application.retention import thin_logs
from services.job_api.jobs.application.waiting import fail_overdue
from services.job_api.jobs.backlog import EventBacklog
from services.job_api.settings import Settings

_RELEASE_EVERY_S = 30.0
_LOOK_FOR_OVERDUE_EVERY_S = 30.0
_LOOK_INTO_QUEUES_EVERY_S = 10.0
_THIN_EVERY_S = 6 * 3600.0


def schedule(runtime: ServiceRuntime, settings: Settings) -> None:
    """Several replicas may do each of these at once: the rows decide who."""
    database, bus = runtime.database, runtime.bus
    runtime.periodic("abandoned reservations", _RELEASE_EVERY_S, lambda: release_abandoned(database, bus))
    runtime.periodic("overdue jobs", _LOOK_FOR_OVERDUE_EVERY_S,
                     lambda: fail_overdue(
                         database, settings.waiting_limits, settings.queue_limits, _backlog(bus).is_empty))
    runtime.periodic("queues", _LOOK_INTO_QUEUES_EVERY_S,
                     lambda: dispatch_all(database, settings.queue_limits))
    runtime.periodic("job figures", settings.figures_interval_s, lambda: show_figures(database))
    runtime.periodic("old snapshots", _THIN_EVERY_S,
                     lambda: thin_logs(database, timedelta(days=settings.log_retention_days)))


def _backlog(bus: Bus) -> EventBacklog:
    return EventBacklog(bus, consumers_of("job_api"))
