import pytest

from contracts.events import LogLevel
from trainer_image.output.levels import LevelGuess
from trainer_image.output.lines import LONGEST_SHOWN, LineSplitter, plain
from trainer_image.output.secrets import Secrets


def split(*pieces: bytes) -> list[str]:
    splitter = LineSplitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.rest()


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ((b"one\ntwo\n",), ["one", "two"]),
        ((b"on", b"e\ntw", b"o"), ["one", "two"]),
        ((b"one\r", b"\ntwo\r\n"), ["one", "two"]),
        ((b" 10%\r 20%\r", b" 30%\n"), [" 10%", " 20%", " 30%"]),
        ((b"\n\nx\n",), ["", "", "x"]),
        (("ä🙂".encode()[:3], "ä🙂".encode()[3:] + b"\n"), ["ä🙂"]),
        ((b"\xff\xfe\n",), ["��"]),
        ((b"",), []),
    ],
)
def test_lines_end_in_every_way_and_arrive_in_any_pieces(pieces: tuple[bytes, ...], lines: list[str]) -> None:
    assert split(*pieces) == lines


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"x" * 40_000) == []
    assert [len(line) for line in splitter.feed(b"x" * 40_000)] == [80_000]
    assert splitter.feed(b"y\n") == ["y"]


def test_lines_are_shown_without_what_is_no_text_and_cut() -> None:
    assert plain("\x1b[1;31mred\x1b[0m \x1b]0;title\x07and\ttab\x00 ") == "red and\ttab\ufffd"
    long = plain("x" * (LONGEST_SHOWN + 1_234))
    assert long.startswith("x" * LONGEST_SHOWN)
    assert long.endswith("... (1,234 more characters)")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-11-23 12:00:00,000 INFO step 7/450 loss 1.9301", LogLevel.INFO),
        ("2026-11-23 12:00:00,000 WARNING checkpoint_skipped: damaged", LogLevel.WARNING),
        ("2026-11-23 12:00:00,000 CRITICAL no way", LogLevel.ERROR),
        ("[WARNING] a library says", LogLevel.WARNING),
        ("ERROR: another library", LogLevel.ERROR),
        ("/opt/venv/lib/x.py:12: UserWarning: old", LogLevel.WARNING),
        ("Traceback (most recent call last):", LogLevel.ERROR),
        ("Fatal Python error: Segmentation fault", LogLevel.ERROR),
        ("torch.AcceleratorError: CUDA error: device-side assert triggered", LogLevel.INFO),
        ("CUDA error: an illegal memory access was encountered", LogLevel.ERROR),
        ("The model said INFO and ERROR", LogLevel.INFO),
        ("INFORMATION is not a level", LogLevel.INFO),
    ],
)
def test_the_level_of_a_line(line: str, level: LogLevel) -> None:
    assert LevelGuess().of(line, 100.0) is level


def test_a_stack_trace_is_as_grave_as_its_error_and_ends() -> None:
    guess = LevelGuess()
    trace = ["2026-11-23 12:00:00,000 ERROR the training failed", "Traceback (most recent call last):",
             '  File "x.py", line 1', "ValueError: no"]
    assert {guess.of(line, 5.0) for line in trace} == {LogLevel.ERROR}
    assert guess.of("2026-11-23 12:00:00,100 INFO goes on", 5.1) is LogLevel.INFO
    assert guess.of("printed", 5.2) is LogLevel.INFO
    guess.of("Traceback (most recent call last):", 6.0)
    assert guess.of("printed much later", 8.0) is LogLevel.INFO


CREDENTIALS = """-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJ4In0.c2lnbmF0dXJl
------END NATS USER JWT------
-----BEGIN USER NKEY SEED-----
SUAM2XU5ZZQHQLF5HAVHQTS4XRXVBDHLRQ5ZJNJ3MDLFYRNZB2WFXKVPQA
------END USER NKEY SEED------
"""


def test_no_secret_leaves_by_form_or_by_value() -> None:
    secrets = Secrets({"BRIGHTRUN_NATS_CREDENTIALS": CREDENTIALS, "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwx",
                       "MY_SERVICE_PASSWORD": "correct horse battery", "SHORT_TOKEN": "1", "HOME": "/home/trainer"})
    said = "\n".join([
        CREDENTIALS, "SUAM2XU5ZZQHQLF5HAVHQTS4XRXVBDHLRQ5ZJNJ3MDLFYRNZB2WFXKVPQA", "hf_abcdefghijklmnopqrstuvwx",
        "login with correct horse battery", "GET https://s3/x?X-Amz-Signature=deadbeef&X-Amz-Credential=AKIA/eu",
        "Authorization: Bearer abcdefgh12345"])
    shown = secrets.hidden(said)
    for secret in ("SUAM2XU5", "eyJ0eXAi", "hf_abc", "battery", "deadbeef", "AKIA", "abcdefgh12345"):
        assert secret not in shown
    assert "GET https://s3/x?X-Amz-Signature=[redacted]" in shown
    assert secrets.hidden("step 1 of 10 in /home/trainer, seed 42") == "step 1 of 10 in /home/trainer, seed 42"
    assert secrets.hidden("USER and SEED are words, BEGIN too") == "USER and SEED are words, BEGIN too"
