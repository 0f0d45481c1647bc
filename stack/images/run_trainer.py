"""python -m stack.images.run_trainer IMAGE [--engine podman]: a local pod as a container of the trainer's image.

For `BRIGHTRUN_TRAINER_COMMAND`: the image is proven on this machine before a rented one pulls it. Becomes the engine,
so that signals reach the trainer. What it is given goes by name: values never stand on a command line.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path

from contracts.pod_environment import NATS_CREDENTIALS_VARIABLE, SPEC_VARIABLE
from stack.images.engine import Engine

_PASSED_ON = (SPEC_VARIABLE, NATS_CREDENTIALS_VARIABLE, "BASE_MODEL", "BRIGHTRUN_BASE_MODEL_DIR", "HF_TOKEN",
              "HF_ENDPOINT", "OMP_NUM_THREADS")


def command(engine: str, image: str, environment: Mapping[str, str]) -> list[str]:
    """`--timeout`: a container whose engine was killed ends all the same."""
    spec = json.loads(environment[SPEC_VARIABLE])
    passed = [word for name in _PASSED_ON if name in environment for word in ("--env", name)]
    base = spec["base_model"] or environment.get("BASE_MODEL") or environment.get("BRIGHTRUN_BASE_MODEL_DIR", "")
    mounts = ["--volume", f"{base}:{base}:ro"] if Path(base).is_dir() else []
    limit = ["--timeout", str(int(spec["max_duration_s"]))] if "podman" in engine else []
    return [engine, "run", "--rm", "--name", spec["pod_name"], "--network", "host", "--read-only", "--cap-drop", "all",
            "--tmpfs", "/tmp", "--volume", "/work", *limit, *passed, *mounts, image]  # noqa: S108


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stack.images.run_trainer")
    parser.add_argument("image")
    parser.add_argument("--engine", default="")
    options = parser.parse_args()
    words = command(Engine.find(options.engine).program, options.image, os.environ)
    os.execvp(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main()
