"""Machines that are nobody's: each of their seconds is counted once, however often the reaper meets them."""

from datetime import datetime

from services.provisioner.application.workers.metrics import Metrics
from services.provisioner.domain.leaks import leaked_micro_usd
from services.provisioner.ports import Machine


class UnknownMachines:
    """By the provider's id. A machine that was told to end may be listed for a while."""

    def __init__(self, metrics: Metrics, provider: str) -> None:
        self._metrics, self._provider = metrics, provider
        self._counted: dict[str, datetime] = {}
        self._told: set[str] = set()

    def meet(self, machine: Machine, now: datetime) -> None:
        """Count what it has cost since it was met last."""
        if machine.provider_pod_id in self._told:
            return
        if machine.provider_pod_id not in self._counted:
            self._metrics.leaked.inc()
        began = self._counted.get(machine.provider_pod_id) or machine.created_at or machine.running_since
        cost = leaked_micro_usd(machine.price.rate_micro_usd_per_hour, began, now, None, wanted=False)
        self._metrics.count_leaked(self._provider, cost)
        self._counted[machine.provider_pod_id] = now

    def told_to_end(self, machine: Machine) -> None:
        self._told.add(machine.provider_pod_id)

    def forget_all_but(self, listed: set[str]) -> None:
        self._counted = {name: at for name, at in self._counted.items() if name in listed}
        self._told &= listed
