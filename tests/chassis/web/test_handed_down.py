"""A listening socket that a process was started with."""

import os
import socket

from chassis.web.server import _handed_down


def test_it_is_used_here_and_not_left_to_children() -> None:
    given = socket.create_server(("127.0.0.1", 0))
    descriptor = os.dup(given.fileno())
    address = given.getsockname()
    os.set_inheritable(descriptor, True)
    given.close()
    taken = _handed_down(descriptor)
    try:
        assert (taken.getsockname(), taken.family) == (address, socket.AF_INET)
        assert not taken.get_inheritable()
        assert os.readlink(f"/proc/self/fd/{descriptor}") == os.devnull
        with socket.create_connection(address, 5) as caller:
            accepted, _ = taken.accept()
            caller.sendall(b"x")
            assert accepted.recv(1) == b"x"
            accepted.close()
    finally:
        taken.close()
        os.close(descriptor)
