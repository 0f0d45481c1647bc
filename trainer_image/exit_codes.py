"""How the trainer's process ends; the provisioner reads 143 as an interruption and other non-zero codes as a crash."""

from enum import IntEnum


class ExitCode(IntEnum):
    COMPLETED = 0
    # training.failed was published (or lies in result.json).
    FAILED = 1
    # The provisioner answered a heartbeat with `stop`: the attempt no longer counts, nothing was published.
    STOPPED = 64
    # training.paused was published: a user paused the job, or chose another tier.
    PAUSED = 65
    # Nobody answered for longer than the lease: the attempt ended itself, after pod.interrupted where it could be told.
    ABANDONED = 75
    # The pod's environment is incomplete: nobody could be told.
    BAD_ENVIRONMENT = 78
    # SIGTERM, after pod.interrupted (128 + 15, as a shell reports it).
    INTERRUPTED = 143
