"""Pods that want the same machines stand in one line: who was asked for first is served first.

Behind somebody for whom there was no machine nobody asks. Places on this machine are counted, so that there nobody
asks either while somebody before him does; a cloud may be asked for many at a time.
"""

from dataclasses import dataclass

from services.provisioner.domain.model import Pod

_LOCAL = "local"


@dataclass(frozen=True)
class Ahead:
    """Who stands before a pod: `waiting` in vain, or `asking` just now."""

    waiting: int
    asking: int


def shares_every_machine(pod: Pod) -> bool:
    """Whether all pods of its provider want the same machines, whatever their card and tier."""
    return pod.provider == _LOCAL


def asks_now(pod: Pod, ahead: Ahead) -> bool:
    """Whether it is this pod's turn. One whose create was asked for and not answered must hear what became of it."""
    if pod.create_asked_at is not None:
        return True
    return not (ahead.waiting or (ahead.asking and shares_every_machine(pod)))
