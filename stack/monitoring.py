"""Whether Prometheus and Alertmanager run beside the stack (`make up MONITORING=1`), and where the machine has them."""

from __future__ import annotations

import os
import shutil

VARIABLE = "BRIGHTRUN_MONITORING"
# What a program is called where it is installed, by our name.
EXECUTABLES = {"prometheus": ("prometheus",), "alertmanager": ("alertmanager", "prometheus-alertmanager")}
PROGRAMS = tuple(EXECUTABLES)
HOW_TO_GET_THEM = "apt-get install prometheus prometheus-alertmanager (or from prometheus.io/download)"


def is_wanted() -> bool:
    return os.environ.get(VARIABLE, "") not in ("", "0")


def executable(name: str) -> str | None:
    """Its path; None where it is not installed."""
    return next((found for each in EXECUTABLES[name] if (found := shutil.which(each))), None)


def installed() -> tuple[str, ...]:
    return tuple(name for name in PROGRAMS if executable(name))


def wanted_programs() -> tuple[str, ...]:
    return installed() if is_wanted() else ()


def advice() -> str:
    """What to do about what is wanted and not there; empty when nothing is missing."""
    absent = [name for name in PROGRAMS if not executable(name)] if is_wanted() else []
    if not absent:
        return ""
    again = "then `make down` and `make up MONITORING=1`"
    return f"Not installed here: {', '.join(absent)}.\n-> {HOW_TO_GET_THEM}, {again}."
