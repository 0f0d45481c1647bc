"""Settings that libraries read when they are imported."""

import os
import warnings
from pathlib import Path

from trainer_image.machine import usable_cpus


def prepare_libraries(base_model: str) -> None:
    """Call this before any of them is imported.

    Idle OpenMP threads sleep instead of spinning: beside other programs on the same two cores, spinning costs more
    than half of the processor time. A model that lies on this disk needs no hub; several libraries ask it anyway.
    """
    for name, value in {"OMP_NUM_THREADS": str(usable_cpus()), "OMP_WAIT_POLICY": "passive",
                        "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1",
                        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "CUDA_VISIBLE_DEVICES": "0"}.items():
        os.environ.setdefault(name, value)
    if Path(base_model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"
    # What the pinned libraries will do one day is no news for the reader of a run's log.
    warnings.simplefilter("ignore", FutureWarning)
