"""The Makefile's search for a Python, which runs before there is any."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack.layout import ROOT

SCRIPT = ROOT / "stack" / "install" / "find_python.sh"


def find(folder: Path, name: str = "") -> subprocess.CompletedProcess[str]:
    """With nothing but this folder's programs in sight."""
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), name], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def program(folder: Path, name: str, version: tuple[int, int]) -> None:
    """A Python that believes to be of this version."""
    file = folder / name
    pretend = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E -c "{pretend}" "$2"\n')
    file.chmod(0o755)


@pytest.mark.parametrize(("versions", "chosen"), [
    ({"python3.11": (3, 11), "python3.13": (3, 13)}, "python3.11"),
    ({"python3.12": (3, 12), "python3": (3, 12)}, "python3.12"),
    ({"python3.11": (3, 9), "python3": (3, 13)}, "python3"),
])
def test_the_first_that_works_is_taken(tmp_path, versions, chosen) -> None:
    for name, version in versions.items():
        program(tmp_path, name, version)
    assert find(tmp_path).stdout.strip() == chosen


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_none_that_works_is_said_with_the_way_out(tmp_path, version) -> None:
    program(tmp_path, "python3", version)
    found = find(tmp_path)
    assert found.returncode == 1
    assert f"3.11, 3.12 or 3.13 is needed; python3 is {version[0]}.{version[1]}." in found.stderr
    assert "PYTHON=/path/to/python" in found.stderr


def test_a_named_one_is_never_replaced_by_another(tmp_path) -> None:
    program(tmp_path, "python3", (3, 11))
    program(tmp_path, "mine", (3, 8))
    assert "mine is 3.8." in find(tmp_path, "mine").stderr
    assert "absent is not a Python that starts." in find(tmp_path, "absent").stderr
    assert find(tmp_path, "python3").stdout.strip() == "python3"
