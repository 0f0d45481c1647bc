"""What the pod was given: its order, its key to the broker, its scratch folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError

from contracts.local_base_model import SHIPPED_BASE_MODEL
from contracts.pod_environment import NATS_CREDENTIALS_VARIABLE, SPEC_VARIABLE, PodSpec

WORK_DIR_VARIABLE, KERNELS_VARIABLE = "BRIGHTRUN_WORK_DIR", "BRIGHTRUN_KERNELS"
Kernels = Literal["reference", "fused_lora", "fused"]
KERNELS: tuple[Kernels, ...] = get_args(Kernels)


class BadEnvironment(ValueError):
    """A variable is missing or wrong; the text says which and what belongs there."""


@dataclass(frozen=True)
class TrainerEnvironment:
    """`nats_credentials` is the text of a .creds file, empty for a broker without authentication.

    `base_model` is a local folder or a hub id. `kernels`: see `trainer_image/kernels.py`.
    """

    spec: PodSpec
    nats_credentials: str
    work_dir: Path
    base_model: str
    kernels: Kernels = "reference"


def read_environment(variables: Mapping[str, str] = os.environ) -> TrainerEnvironment:
    """Raises BadEnvironment."""
    raw = variables.get(SPEC_VARIABLE, "")
    if not raw:
        raise BadEnvironment(f"{SPEC_VARIABLE} is not set; it holds the order of this pod as JSON")
    try:
        spec = PodSpec.model_validate_json(raw)
    except ValidationError as error:
        raise BadEnvironment(f"{SPEC_VARIABLE} cannot be read: {error}") from error
    work_dir = Path(variables.get(WORK_DIR_VARIABLE) or f"/tmp/brightrun/{spec.pod_name}")  # noqa: S108
    base_model = (spec.base_model or variables.get("BASE_MODEL")
                  or variables.get("BRIGHTRUN_BASE_MODEL_DIR") or str(SHIPPED_BASE_MODEL))
    return TrainerEnvironment(spec, variables.get(NATS_CREDENTIALS_VARIABLE, ""), work_dir, base_model,
                              _kernels(variables.get(KERNELS_VARIABLE) or "reference"))


def _kernels(value: str) -> Kernels:
    for known in KERNELS:
        if value == known:
            return known
    raise BadEnvironment(f"{KERNELS_VARIABLE} is {value!r}; it is one of {', '.join(KERNELS)}")
