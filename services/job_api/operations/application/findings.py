"""All that is not as it should be, in one list."""

from collections.abc import Iterator

from services.job_api.operations import domain
from services.job_api.operations.application.overview import Overview
from services.job_api.operations.domain import Finding, Part, State

_PARTS: tuple[Part, ...] = ("machines", "leaks", "dead_letters", "queue")


def findings(found: Overview) -> list[Finding]:
    """The worst first."""
    return domain.worst_first(list(_all(found)))


def state(all_of_them: list[Finding]) -> State:
    """Of the installation: that of the worst."""
    return all_of_them[0].state if all_of_them else "ok"


def _all(found: Overview) -> Iterator[Finding]:
    for name, health in found.services.items():
        yield from domain.of_service(name, health, found.unavailable.get(name, ""))
    for part in _PARTS:
        if part in found.unavailable:
            yield domain.not_asked(part, found.unavailable[part])
    for machine in found.machines or () if found.knows_owners else ():
        yield from domain.of_machine(machine.job_id, machine.attempt, found.owners.get(machine.job_id), found.as_of)
    yield from domain.of_leaks(found.leaks.leaks if found.leaks else (), found.as_of)
    yield from domain.of_dead_letters(found.dead_letters.total if found.dead_letters else 0)
    yield from domain.of_queues(found.queues or ())
