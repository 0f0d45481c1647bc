"""Which ports are chosen."""

import socket

import pytest

from stack.ports import REST_PORT, inner_ports, is_free, rest_port
from stack.problems import StackError


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_remembered_ports_are_kept_and_taken_ones_replaced(taken):
    first = inner_ports(["a", "b"], {})
    assert len(set(first.values())) == 2
    assert inner_ports(["a", "b"], first) == first
    moved = inner_ports(["a", "b"], {**first, "a": taken})
    assert moved["a"] != taken
    assert moved["b"] == first["b"]


def test_no_inner_part_takes_the_rest_port():
    assert inner_ports(["a"], {"a": REST_PORT})["a"] != REST_PORT


def test_the_rest_port_is_wanted_then_remembered_then_8700(taken):
    free = inner_ports(["x"], {})["x"]
    assert rest_port(free, taken, "127.0.0.1") == free
    assert rest_port(None, free, "127.0.0.1") == free
    with pytest.raises(StackError, match=rf"Port {taken} on 127.0.0.1 is taken by .*pid"):
        rest_port(taken, None, "127.0.0.1")


def test_free_means_nobody_listens(taken):
    assert not is_free(taken)
