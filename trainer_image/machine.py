"""The machine under the trainer: cores, memory, graphics processors."""

import os
from pathlib import Path
from typing import Any

_MB = 1024 * 1024


def usable_cpus() -> int:
    """Cores this process may use: a container on a 64-core host that is given two has two."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def host_memory() -> dict[str, float]:
    """Memory of the machine in GB, as the error message about its lack names it."""
    values = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0]) / _MB
    total, available = values.get("MemTotal", 0.0), values.get("MemAvailable", 0.0)
    return {"memory_used_gb": round(total - available, 1), "memory_total_gb": round(total, 1)}


def container_memory() -> tuple[float, float]:
    """(used, total) in GB of what this process may use: the container's share where it has one, else the machine's.

    Files that the kernel only keeps in memory because there is room are not used.
    """
    group = Path("/sys/fs/cgroup")
    try:
        limit, current = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        total, used = int(limit), int(current) - int(stat["inactive_file"])
        return used / 1024**3, total / 1024**3
    except (OSError, ValueError, KeyError):
        memory = host_memory()
        return memory["memory_used_gb"], memory["memory_total_gb"]


class GpuReadings:
    """Memory (MB) and utilisation (%) of the first GPU; empty readings on a machine without one."""

    def __init__(self) -> None:
        self._handle: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml, self._handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:
            # No driver, no card, no library: the figures are absent, the training is not concerned.
            self._handle = None

    def read(self) -> dict[str, float]:
        if self._handle is None:
            return {}
        memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
        return {
            "gpu_memory_used_mb": memory.used / _MB,
            "gpu_memory_total_mb": memory.total / _MB,
            "gpu_utilization_pct": float(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu),
        }

    def memory(self) -> dict[str, float]:
        """As the error message names it, in GB: the GPU's where there is one."""
        reading = self.read()
        if not reading:
            return host_memory()
        return {"memory_used_gb": round(reading["gpu_memory_used_mb"] / 1024, 1),
                "memory_total_gb": round(reading["gpu_memory_total_mb"] / 1024, 1)}
