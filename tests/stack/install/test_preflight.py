"""What cannot work is refused before anything is downloaded, with the way out."""

import os
import socket
import subprocess
import sys

import pytest

from stack.install import preflight
from stack.layout import ROOT, Layout
from stack.problems import StackError


def test_this_machine_passes(tmp_path) -> None:
    preflight.check_all(Layout(tmp_path / ".data"), tmp_path / ".venv")


def test_everything_wrong_is_said_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preflight, "ENVIRONMENT_GB", 10**9)
    monkeypatch.setattr(preflight, "STATE_GB", 10**9)
    with pytest.raises(StackError) as refused:
        preflight.check_all(Layout(tmp_path / ".data"), tmp_path / ".venv")
    assert str(refused.value).count("GB free") == 2
    assert str(refused.value).count("-> Free some") == 2


def test_an_environment_that_is_there_needs_no_space(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preflight, "ENVIRONMENT_GB", 10**9)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    preflight.check_all(Layout(tmp_path / ".data"), tmp_path / ".venv")


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "x86_64"), ("Linux", "aarch64")])
def test_another_machine_is_refused(monkeypatch, system, machine) -> None:
    monkeypatch.setattr(preflight.platform, "system", lambda: system)
    monkeypatch.setattr(preflight.platform, "machine", lambda: machine)
    assert f"this is {system} on {machine}" in str(preflight.machine())


@pytest.mark.parametrize(("libc", "kernel", "reason"), [
    (("glibc", "2.27"), "6.1.0", "glibc 2.28 or newer is needed, this is glibc 2.27"),
    (("", ""), "6.1.0", "this is another libc"),
    (("glibc", "2.36"), "5.3.1-generic", "Linux 5.4 or newer is needed, this is 5.3.1-generic"),
    (("glibc", "2.36"), "6.18.44-x", "None"),
])
def test_old_systems_are_refused(monkeypatch, libc, kernel, reason) -> None:
    monkeypatch.setattr(preflight.platform, "libc_ver", lambda: libc)
    monkeypatch.setattr(preflight.platform, "release", lambda: kernel)
    assert reason in str(preflight.machine())


@pytest.mark.parametrize("sign", [":", "$", "#", "%", "*", "[", '"', "\\", ";", "`", "\n"])
def test_paths_that_the_servers_cannot_read_are_refused(tmp_path, sign) -> None:
    assert f"has {sign!r} in it" in str(preflight.path_is_usable(tmp_path / f"a{sign}b"))


def test_other_paths_pass(tmp_path) -> None:
    assert preflight.path_is_usable(tmp_path / "mit Leerzeichen, Ümläuten, Bright & Run's (1)") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_state_of_another_user_is_refused(tmp_path) -> None:
    os.chown(tmp_path, 65534, -1)
    assert "belongs to nobody, and you are root" in str(preflight.owner(tmp_path))
    assert preflight.owner(tmp_path / "not there yet") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs mounts of its own")
def test_folders_that_cannot_be_written_or_run_programs_are_refused(tmp_path) -> None:
    code = (
        "from pathlib import Path; from stack.install import preflight; p = Path('.').absolute()\n"
        "print(preflight.writable(p / 'x', 'the state')); print(preflight.programs_may_run(p))"
    )
    mount = 'mount -t tmpfs -o "$0" none "$1" && cd "$1" && exec "$2" -c "$3"'
    answers = {}
    for options in ("ro", "noexec", "rw"):
        command = ["unshare", "--mount", "sh", "-c", mount, options, str(tmp_path), sys.executable, code]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        if done.returncode != 0:
            pytest.skip(f"no mounts can be made here: {done.stderr}")
        answers[options] = done.stdout
    assert "cannot be written by root, so the state has no place there" in answers["ro"]
    assert "(noexec)" in answers["noexec"]
    assert answers["rw"].split() == ["None", "None"]


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's PostgreSQL runs as that user")
@pytest.mark.parametrize(("taken", "refused"), [("", False), ("-setuid", True), ("-setpcap", True)])
def test_root_that_cannot_let_another_user_in_is_refused(tmp_path, taken, refused) -> None:
    """tmp_path is closed to others, as root's home is; containers take capabilities from their root."""
    tmp_path.chmod(0o700)
    code = (
        "import sys; from pathlib import Path; from stack.install import preflight; p = Path(sys.argv[1])\n"
        "print(preflight.root_can_start_postgres(p, p))"
    )
    limits = [f"--bounding-set={taken}", f"--inh-caps={taken}"] if taken else []
    command = ["setpriv", *limits, sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert ("no other user can be used: launch: root" in done.stdout) is refused
    assert "Traceback" not in done.stdout


def test_a_taken_port_is_refused_before_the_installation(tmp_path, monkeypatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setenv("BRIGHTRUN_PORT", str(taken))
        assert f"Port {taken} on 127.0.0.1 is taken" in str(preflight.port(Layout(tmp_path)))
    assert preflight.port(Layout(tmp_path)) is None
    monkeypatch.setenv("BRIGHTRUN_PORT", "http")
    assert "is no port number" in str(preflight.port(Layout(tmp_path)))


def test_only_pythons_own_library_is_used() -> None:
    """It runs before anything is installed."""
    code = "import stack.install.__main__, stack.install.locks"
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
