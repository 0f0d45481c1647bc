"""The trainer and its parent: one to whoever starts, ends or reads them."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.trainer_image.output.trainers import SmallTrainer


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("print('done')", 0),
        ("os._exit(64)", 64),
        ("sys.exit(3)", 3),
        ("raise ValueError('no')", 1),
        ("import no_such_library", 1),
        ("os.kill(os.getpid(), 9)", 137),
        ("import ctypes; ctypes.string_at(0)", 139),
    ],
)
async def test_the_exit_code_is_the_trainers(tmp_path: Path, body: str, code: int) -> None:
    assert await SmallTrainer(tmp_path, body).ended() == code


async def test_the_container_prints_what_the_trainer_prints_without_its_secrets(tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, """
        print("to stdout")
        print("to stderr", file=sys.stderr)
        os.system("echo from a program")
        os.write(2, b"from a library, without an end")
        while not os.path.exists(os.environ["GO_ON"]):
            time.sleep(0.02)
        os.write(1, b" that comes\\nGET https://s3/x?X-Amz-Signature=deadbeef and hunter2hunter2")
        """, MY_PASSWORD="hunter2hunter2", GO_ON=str(tmp_path / "go-on"))
    await trainer.until(lambda: "without an end" in trainer.printed())
    (tmp_path / "go-on").touch()
    assert await trainer.ended() == 0
    assert trainer.printed().splitlines() == [
        "to stdout", "to stderr", "from a program", "from a library, without an end", " that comes",
        "GET https://s3/x?X-Amz-Signature=[redacted] and [redacted]"]


async def test_a_crash_leaves_its_last_lines_and_how_it_ended(tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, "print('before'); import ctypes; ctypes.string_at(0)")
    await trainer.ended()
    printed = trainer.printed()
    assert "before\n" in printed
    assert "Fatal Python error: Segmentation fault" in printed
    assert printed.splitlines()[-1] == "ERROR the trainer's process was ended by SIGSEGV"


async def test_signals_reach_the_trainer(tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, """
        import signal
        signal.signal(signal.SIGTERM, lambda *_: (print("told to end"), os._exit(143)))
        print("ready")
        time.sleep(60)
        """)
    await trainer.until(lambda: "ready" in trainer.printed())
    trainer.process.send_signal(signal.SIGTERM)
    assert await trainer.ended(seconds=5) == 143
    assert trainer.printed().splitlines()[-1] == "told to end"


async def test_a_killed_parent_takes_the_trainer_with_it(tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, "print(f'pid {os.getpid()}'); time.sleep(60)")
    await trainer.until(lambda: "pid " in trainer.printed())
    child = int(trainer.printed().split()[1])
    assert psutil.pid_exists(child)
    assert child != trainer.process.pid
    trainer.process.kill()
    assert await trainer.ended(seconds=5) == -signal.SIGKILL
    await trainer.until(lambda: not psutil.pid_exists(child), seconds=5)


async def test_a_trainer_without_output_is_waited_for(tmp_path: Path) -> None:
    trainer = SmallTrainer(tmp_path, "os.close(1); os.close(2); time.sleep(1.0); os._exit(7)")
    assert await trainer.ended() == 7
    used = os.times().children_user
    assert used < 60, "the parent does not spin"


async def test_where_nothing_can_be_imported_the_container_still_prints_why(tmp_path: Path) -> None:
    """The image lacks a library: trainer and parent both want it."""
    (tmp_path / "pydantic.py").write_text("raise ImportError('pydantic is broken')")
    trainer = SmallTrainer(tmp_path, """
        sys.path.insert(0, os.environ["BROKEN"])
        from trainer_image.train_lora import main
        """, BROKEN=str(tmp_path), PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[3]}")
    assert await trainer.ended() == 1
    assert "ImportError: pydantic is broken" in trainer.printed()
