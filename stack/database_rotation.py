"""`python -m stack rotate-databases`: new passwords for the services' roles while everything runs.

The new password is written down first (`secrets.json`, then the file that the service reads at each new connection),
then the role gets it. Open connections stay. A new one in between finds the old password still good
(`chassis.database.password`).
"""

from __future__ import annotations

from stack.layout import Layout
from stack.nats_permissions import SERVICES
from stack.nats_security import NatsSecurity
from stack.parts import PartError, PostgresPart
from stack.passwords import Passwords
from stack.problems import StackError
from stack.programs import Blueprint
from stack.state import read_state
from stack.supervision import Supervision


def rotate_databases(layout: Layout) -> list[str]:
    """Both roles of each service of the running stack; the services' names. Raises StackError, after which it is run
    again: what was written down then is replaced once more."""
    state = read_state(layout)
    if state is None or not Supervision(layout).running():
        raise StackError("The stack is not running.", "Start it with `make up`.")
    services = [name for name in SERVICES if state.program(name)]
    passwords = Passwords.ensure(layout).renewed(layout, services)
    blueprint = Blueprint(layout, state.ports, passwords, NatsSecurity.load(layout.data / "nats"), state.host,
                          state.selected, state.replicas)
    part = blueprint.parts()["postgres"]
    assert isinstance(part, PostgresPart)
    Supervision(layout).write_environments(blueprint.programs())
    try:
        for name in services:
            blueprint.write_addresses(name)
            part.set_passwords(name, passwords.databases[name], passwords.tenants[name])
    except (PartError, OSError) as error:
        raise StackError(f"The passwords were not replaced: {error}", "Run the command again.") from error
    return services
