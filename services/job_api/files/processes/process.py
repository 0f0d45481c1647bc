"""The process that reads files: `python -m services.job_api.files.processes.process BASE_MODEL MEMORY_MB PARENT_PID`.

It takes orders from its standard input until that ends, one at a time. What somebody else wrote is read here and
nowhere else: at low priority, without the service's secrets, within a limit of memory, and never longer than the
service lives.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from contracts.training_file import TrainingFileRefused, TrainingFileTooLarge
from services.job_api.files.processes.messages import ORDER, Answer, ImportOrder, Order, Refused
from services.job_api.files.processes.tasks import import_file, preview_file
from services.job_api.files.tokenizer import find_tokenizer

_NICENESS = 10
_FIRST_TO_KILL = "500"  # of -1000 to 1000: when memory runs out, this process goes before the service
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> None:
    base_model, memory_mb, parent = arguments
    _end_with(int(parent))
    _limit(int(memory_mb))
    find_tokenizer(base_model)  # remembered; loading it takes longer than most files
    for line in sys.stdin.buffer:
        answer = answer_to(ORDER.validate_json(line), base_model, int(memory_mb))
        sys.stdout.buffer.write(answer.model_dump_json().encode() + b"\n")
        sys.stdout.buffer.flush()


def answer_to(order: Order, base_model: str, memory_mb: int) -> Answer:
    try:
        done = import_file(order, base_model) if isinstance(order, ImportOrder) else preview_file(order, base_model)
        return done.model_copy(update={"peak_memory_mb": _peak_memory_mb()})
    except TrainingFileRefused as refusal:
        return Refused.by(refusal, _peak_memory_mb())
    except MemoryError:
        pass  # the error holds what filled the memory; it is free once this block is left
    text = f"reading the file takes more than {memory_mb:,} MB of memory"
    too_large = TrainingFileTooLarge("TF014_too_much_memory", text, suggested_fix="Split the file.")
    return Refused.by(too_large, _peak_memory_mb())


def _end_with(parent: int) -> None:
    """Also when the service is killed. Asked for first: until then nobody tells this process."""
    with suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _limit(memory_mb: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the service decides
    os.nice(_NICENESS)
    wanted, (_, allowed) = memory_mb << 20, resource.getrlimit(resource.RLIMIT_AS)
    if allowed == resource.RLIM_INFINITY or wanted < allowed:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, wanted))
    with suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_KILL)


def _peak_memory_mb() -> int:
    """Of this program alone: what getrusage says includes the parent that it was forked from."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main(sys.argv[1:])
