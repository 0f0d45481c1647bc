"""SIGTERM: the machine is taken away in about five seconds (RunPod), then SIGKILL."""

import logging
import os
import signal
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)

_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def watch(on_interruption: Callable[[signal.Signals], None]) -> None:
    """Call it before any other thread exists. A thread of its own waits for the signal.

    A Python signal handler would run only when the main thread comes back from the step it computes, which
    takes 5-20 s on the GPU: too late. Blocked in all threads, the signal wakes the one that waits for it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    threading.Thread(target=_wait, args=(on_interruption,), name="signals", daemon=True).start()


def _wait(on_interruption: Callable[[signal.Signals], None]) -> None:
    while True:
        received = signal.Signals(signal.sigwait(_SIGNALS))
        _log.warning("%s received", received.name)
        try:
            on_interruption(received)
        except Exception:
            _log.exception("the interruption could not be told in full")
            os._exit(128 + received)
