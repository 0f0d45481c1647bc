"""The environment a pod gets: the same names from every provider."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.hyperparameters import Hyperparameters

SPEC_VARIABLE = "BRIGHTRUN_POD_SPEC"
NATS_CREDENTIALS_VARIABLE = "BRIGHTRUN_NATS_CREDENTIALS"

# The broker ends the connection of a pod that sends more at once. What a stream does not take is refused before that,
# with an answer (`max_msg_size` in `contracts/streams.py`). Not below the server's own limit (`max_payload`): a client
# is told that one only, and nats-py (2.16) waits for ever after sending what lies between.
MAX_POD_MESSAGE_BYTES = 8 * 1024**2
# Tokens of one forward and backward pass. 16k tokens keep 20 GiB of layer inputs at 70B, which 80 GB leave room for,
# and hold a whole step of every preset: the 4-bit base is unpacked once for all of it.
TOKENS_AT_ONCE = 16_384


class PodSpec(BaseModel):
    """What an attempt needs to know, as one JSON value in `BRIGHTRUN_POD_SPEC`. Holds no secret.

    The NATS credentials (text of a .creds file: user JWT and seed) travel apart in `BRIGHTRUN_NATS_CREDENTIALS`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_id: UUID
    workspace_id: UUID
    attempt: int = Field(ge=1)
    pod_name: str
    nats_url: str
    # PEM certificates of the authorities that signed those of the broker and the storage, believed beside the machine's
    # own. No secret.
    tls_authorities: str = ""
    base_model: str
    hyperparameters: Hyperparameters
    training_file_sha256: str
    max_duration_s: int
    heartbeat_interval_s: float = 5.0
    # Nobody has answered a heartbeat for so long: the attempt saves what it can and ends itself. Each answer begins it
    # anew. Longer than any outage of the broker that is to be survived.
    lease_s: float = Field(default=2700.0, gt=0)
    checkpoint_every_steps: int = 100
    checkpoint_every_s: float = 60.0
    checkpoints_kept: int = 3
    # Larger files are stored in parts of this size. S3 takes at most 5 GiB in one upload.
    checkpoint_part_bytes: int = Field(ge=1024, le=5 * 1024**3, default=1024**3)
    # Where a step is cut into micro-batches. Not part of the recipe: the gradient, the order of the conversations and
    # the checkpoints are the same whatever it is.
    tokens_at_once: int = Field(ge=1, default=TOKENS_AT_ONCE)
    traceparent: str | None = None
    # The job whose newest checkpoint the first attempt goes on from.
    continues: UUID | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
