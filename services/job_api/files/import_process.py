"""The process that reads uploads: `python -m services.job_api.files.import_process BASE_MODEL MEMORY_MB`.

It takes orders from its standard input until that ends, one at a time. A file that somebody else wrote is read here
and nowhere else: at low priority, without the service's secrets, within a limit of memory, and never longer than the
service lives.
"""

import ctypes
import hashlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from contracts.chat import Conversation, token_counter
from contracts.hyperparameters import Hyperparameters
from contracts.training_file import (
    ImportReport,
    TrainingFileRefused,
    TrainingFileTooLarge,
    canonical_line,
    import_training_file,
)
from services.job_api.files.import_messages import Done, Order, Refused
from services.job_api.files.tokenizer import find_tokenizer

DEFAULT_CONTEXT: int = Hyperparameters.model_fields["max_seq_length"].default
_NICENESS = 10
_FIRST_TO_KILL = "500"  # of -1000 to 1000: when memory runs out, this process goes before the service
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> None:
    base_model, memory_mb = arguments
    _limit(int(memory_mb))
    find_tokenizer(base_model)  # remembered; loading it takes longer than most files
    for line in sys.stdin.buffer:
        answer = import_file(Order.model_validate_json(line), base_model, int(memory_mb))
        sys.stdout.buffer.write(answer.model_dump_json().encode() + b"\n")
        sys.stdout.buffer.flush()


def import_file(order: Order, base_model: str, memory_mb: int) -> Done | Refused:
    try:
        return _read(order, base_model)
    except TrainingFileRefused as refusal:
        return Refused.by(refusal, _peak_memory_mb())
    except MemoryError:
        pass  # the error holds what filled the memory; it is free once this block is left
    text = f"reading the file takes more than {memory_mb:,} MB of memory"
    too_large = TrainingFileTooLarge("TF014_too_much_memory", text, suggested_fix="Split the file.")
    return Refused.by(too_large, _peak_memory_mb())


def _read(order: Order, base_model: str) -> Done:
    found, writer = find_tokenizer(base_model), _Writer(order.target)
    with order.source.open("rb") as source, writer:
        report: ImportReport = import_training_file(
            source,
            writer.add,
            file_name=order.file_name,
            max_context=DEFAULT_CONTEXT,
            max_records=order.max_records,
            count_tokens=token_counter(found.tokenizer) if found else None,
        )
    return Done(report=report, sha256=writer.sha256, tokenizer=found.name if found else None,
                peak_memory_mb=_peak_memory_mb())


class _Writer:
    """Writes conversations as they come and hashes them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()

    def __enter__(self) -> "_Writer":
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, conversation: Conversation) -> None:
        line = canonical_line(conversation)
        self._digest.update(line)
        self._file.write(line)


def _limit(memory_mb: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the service decides
    os.nice(_NICENESS)
    wanted, (_, allowed) = memory_mb << 20, resource.getrlimit(resource.RLIMIT_AS)
    most = wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    with suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
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
