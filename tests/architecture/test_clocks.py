"""Who asks this machine what time it is: replicas' clocks differ, so that what two of them compare is the database's.

Everything else takes the time from the port (`chassis.clock`) or from PostgreSQL.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASKS = re.compile(r"\bdatetime\.(now|utcnow)\(|\btime\.time\(|\bdate\.today\(")
# Why each may.
THE_MACHINE_S_OWN = {
    "chassis/clock.py": "the port itself",
    "chassis/web/access_log.py": "says when, for a reader",
    "chassis/messaging/nats_jwt.py": "when a token was made; revocations name users, whose keys are used once",
    "contracts/envelope.py": "says when; order comes from attempts and sequence numbers",
    "services/job_api/files/spool.py": "ages of files on this machine, by the clock that wrote them",
    "services/provisioner/adapters/answers.py": "when an answer was given, where the provider does not tell it",
    "services/provisioner/adapters/local.py": "ages of files on this machine, by the clock that wrote them",
    "services/provisioner/adapters/local_folder.py": "times of files on this machine",
    "services/provisioner/adapters/local_shim.py": "times of processes on this machine",
    "services/provisioner/adapters/nats_access.py": "when a pod's user expires, hours ahead; the broker looks",
    "services/provisioner/adapters/runpod/inventory.py": "when an end was seen, where the provider does not tell it",
    "services/provisioner/adapters/runpod/provider.py": "when a machine was asked for, until the list has it",
}


def asking() -> dict[str, str]:
    paths = (path for top in ("chassis", "contracts", "services") for path in (ROOT / top).rglob("*.py"))
    return {str(path.relative_to(ROOT)): text for path in paths if ASKS.search(text := path.read_text())}


def test_nobody_else_asks() -> None:
    assert set(asking()) - set(THE_MACHINE_S_OWN) == set(), "take it from the clock's port, or from the database"


def test_the_list_is_short_of_nothing() -> None:
    assert set(THE_MACHINE_S_OWN) - set(asking()) == set()


@pytest.mark.parametrize("line", ["datetime.now(UTC)", "time.time()", "datetime.utcnow()"])
def test_asking_is_recognised(line: str) -> None:
    assert ASKS.search(line)
