"""What handlers are given besides their message, beyond what every service has."""

from typing import Annotated

from chassis.messaging.context import FromContext
from chassis.objects.store import ObjectStore
from services.provisioner.adapters.database_clock import DatabaseClock
from services.provisioner.application.queries.job_workspaces import JobWorkspaces
from services.provisioner.domain.policy import Policy
from services.provisioner.domain.request_rates import RequestRates
from services.provisioner.ports import ComputeProvider

WithDatabaseClock = Annotated[DatabaseClock, FromContext("database_clock")]
WithPolicy = Annotated[Policy, FromContext("policy")]
WithProvider = Annotated[ComputeProvider, FromContext("provider")]
ProviderName = Annotated[str, FromContext("provider.name")]
WithObjects = Annotated[ObjectStore, FromContext("objects")]
WithJobWorkspaces = Annotated[JobWorkspaces, FromContext("job_workspaces")]
WithRates = Annotated[RequestRates, FromContext("request_rates")]
PodLease = Annotated[float, FromContext("settings.pod_lease_s")]
UrlLifetime = Annotated[int, FromContext("settings.signed_url_lifetime_s")]
