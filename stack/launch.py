"""Starts one program so that it cannot outlive its parent.

    python -S -E launch.py [--signal KILL] [--parent PID | --parent-file FILE] [--user NAME] [--keep read|access]
                           [--env-file JSON] -- program ...

PR_SET_PDEATHSIG asks the kernel to signal the program when its parent dies, however it dies. The kernel
forgets the request when the user changes, so it is made again after dropping root. A parent that died before
the request was made would never be noticed: that is why its pid travels along and is compared afterwards.

`--env-file` adds variables from a private file: environment is no place for quoting rules, and a supervisor's
configuration no place for passwords. The program finds its parent's pid in BRIGHTRUN_STACK_PID. Whatever it
creates is for its owner alone (umask 077).

Standard library only, and run with -S -E: this file starts before every program of the stack.
"""

import ctypes
import json
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
# Without it setuid() empties the capabilities, and access(2), by which initdb looks for its programs, ignores them.
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
# What a program may keep of root, narrowest first. Containers often have only the wider one to give.
KEEP = {"read": (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE), "access": (CAP_DAC_OVERRIDE,)}
LINUX_CAPABILITY_VERSION_3 = 0x20080522
LIBC = ctypes.CDLL(None, use_errno=True)


class CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapabilityData(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def prctl(option: int, *arguments: int) -> int:
    return int(LIBC.prctl(option, *(ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4])))


def die_with_parent(signal_number: int, parent: int) -> None:
    """From here on the kernel sends `signal_number` when the parent dies; exits at once if it already has."""
    prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        sys.exit(f"launch: the parent {parent} is gone")


def become(user: str, keep: str) -> None:
    """Drops root for `user`. With `keep` one capability of root stays and nothing else: "read" walks through and
    reads folders closed to others (a checkout under /root), "access" also starts programs closed to others."""
    account = pwd.getpwnam(user)
    capability = _permitted(KEEP[keep]) if keep else None
    if capability is not None and prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0:
        sys.exit(f"launch: root may not hand on its access to files here: {os.strerror(ctypes.get_errno())}")
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if capability is not None:
        _hold(capability)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _permitted(capabilities: "tuple[int, ...]") -> int:
    """The first of these that root has here."""
    with open("/proc/self/status") as status:
        permitted = next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm"))
    found = next((capability for capability in capabilities if permitted & (1 << capability)), None)
    if found is None:
        sys.exit("launch: root has no access to other users' files here (CAP_DAC_OVERRIDE)")
    return found


def _hold(capability: int) -> None:
    mask = 1 << capability
    header = CapabilityHeader(LINUX_CAPABILITY_VERSION_3, 0)
    data = (CapabilityData * 2)(CapabilityData(mask, mask, mask), CapabilityData(0, 0, 0))
    if LIBC.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        sys.exit(f"launch: capset failed: {os.strerror(ctypes.get_errno())}")


def parent_of(value: "dict[str, str]") -> int:
    if "--parent-file" in value:
        with open(value["--parent-file"]) as file:
            return int(file.read())
    return int(value.get("--parent") or os.getppid())


def main(arguments: "list[str]") -> None:
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    value = {options[i]: options[i + 1] for i in range(len(options) - 1) if options[i].startswith("--")}
    signal_number = getattr(signal, "SIG" + value.get("--signal", "KILL"))
    parent = parent_of(value)
    environment = {"BRIGHTRUN_STACK_PID": str(parent)}
    if "--env-file" in value:
        with open(value["--env-file"]) as file:
            environment |= json.load(file)
    os.environ.update(environment)
    os.umask(0o077)
    die_with_parent(signal_number, parent)
    if "--user" in value and os.geteuid() == 0:
        try:
            become(value["--user"], value.get("--keep", ""))
        except (OSError, KeyError) as error:
            sys.exit(f"launch: root cannot become {value['--user']} here: {error}")
        die_with_parent(signal_number, parent)
    try:
        os.execvp(command[0], command)  # noqa: S606  being that program is the purpose
    except OSError as error:
        sys.exit(f"launch: cannot start {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
