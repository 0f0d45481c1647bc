"""Starts trainers without paying ten seconds of imports for each: one process imports, every run is its fork.

Reads one JSON command a line: {"env": {...}, "log": path} answers the pid, {"poll": pid} its exit code or null.
"""

import json
import os
import signal
import sys
import traceback


def import_everything() -> None:
    from trainer_image.libraries import prepare_libraries

    prepare_libraries("")
    from trainer_image import finalization, lora_trainer, train_lora  # noqa: F401


def limit_memory(tokens: str | None) -> None:
    """In this fork only: PyTorch's own error for more tokens at once than these."""
    if tokens is None:
        return
    import torch

    def hook(module: object, args: tuple) -> None:
        if isinstance(module, torch.nn.Embedding) and torch.is_grad_enabled() and args[0].numel() > int(tokens):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    torch.nn.modules.module.register_module_forward_pre_hook(hook)


def start(command: dict) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.environ.update(command["env"])
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        limit_memory(os.environ.get("BRIGHTRUN_TEST_MEMORY_TOKENS"))
        from trainer_image.train_lora import main

        main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(99)


def poll(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_everything()
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(poll(command["poll"]) if "poll" in command else start(command)), flush=True)


if __name__ == "__main__":
    main()
