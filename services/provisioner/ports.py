"""What the provisioner needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from contracts.error_catalogue import ErrorCode
from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.domain.prices import UNPRICED, MachinePrice


class MachineState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"  # the container ended; the machine may still cost money


@dataclass(frozen=True)
class PodRequest:
    """One machine to be made. `environment` carries credentials: it is never logged and never on a command line.

    `workspace_id` and `max_duration_s` (what the trainer may run at most) are for providers that can make use of them.
    """

    name: str
    gpu_type: GpuType
    pricing_tier: PricingTier
    environment: Mapping[str, str] = field(repr=False)
    workspace_id: UUID | None = None
    max_duration_s: int | None = None


@dataclass(frozen=True)
class Machine:
    """What the provider says about a machine, times by its clock. Exit codes above 128 mean a signal (137: SIGKILL,
    143: SIGTERM). `out_of_memory`: it was killed because it used more main memory than it may."""

    name: str
    provider_pod_id: str
    state: MachineState
    created_at: datetime | None = None
    running_since: datetime | None = None
    exit_code: int | None = None
    exited_at: datetime | None = None
    reason: str = ""
    price: MachinePrice = UNPRICED
    out_of_memory: bool = False


@dataclass(frozen=True)
class Lifetime:
    """From when to when a machine cost money, by the provider's clock. `ended_at` None: it still does."""

    began_at: datetime
    ended_at: datetime | None = None
    price: MachinePrice = UNPRICED


@dataclass(frozen=True)
class Capacity:
    available: bool
    reason: str = ""


class ProviderError(Exception):
    """The provider did not do it this time: asking again may help. The machine may exist nevertheless.

    `error_code`: what a job that is given up for it is told.
    """

    error_code = ErrorCode.PROVIDER_UNAVAILABLE


class NoCapacity(ProviderError):
    """Nothing to be had just now. Nothing was created."""

    error_code = ErrorCode.NO_GPU_CAPACITY


class TierSoldOut(NoCapacity):
    """Nothing of this tier just now; another tier may have some."""


class RequestRefused(ProviderError):
    """The provider will never accept this request (wrong key, no credit, impossible machine)."""

    error_code = ErrorCode.PROVIDER_REFUSED


class AskLater(ProviderError):
    """Not now, and nobody's fault: ask again after `retry_after_s`. Not counted as a failure."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TierNotOffered(RequestRefused):
    """The provider does not sell machines of this tier. Another tier may be had."""


class ComputeProvider(Protocol):
    """Machines by name. One behaviour suite holds for every adapter (tests/services/provisioner/provider_suite.py)."""

    name: str

    async def create(self, request: PodRequest) -> Machine:
        """Make the machine, or return the one that already has this name, however it fares. A name is for one machine
        only: what has ended is not made again where the provider remembers it. Raises ProviderError."""
        ...

    async def describe(self, name: str) -> Machine | None:
        """None: the provider has no such machine and bills nothing for it. Raises ProviderError."""
        ...

    async def terminate(self, name: str) -> None:
        """Ask for its end; returns at once. No such machine is a success. `describe` says when it is gone."""
        ...

    async def list(self) -> list[Machine]:
        """Every machine of this installation that exists or is billed. Raises ProviderError."""
        ...

    async def lifetime(self, name: str) -> Lifetime | None:
        """What the machine of this name costs, also after its end. None: there never was one, or it is forgotten.

        Raises ProviderError.
        """
        ...

    async def capacity(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Capacity: ...

    async def prices(self, gpu_type: GpuType) -> Sequence[Price]:
        """What would be asked for first in each tier, and its price. Nothing where there is no price list.

        Raises ProviderError.
        """
        ...

    def take_losses(self) -> Sequence[int]:
        """What machines have cost that had a name twice, in micro-dollars, since this was asked last."""
        ...

    async def read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        """(bytes from `offset`, whether the log has ended). Empty when there is none."""
        ...

    def changes(self) -> AsyncIterator[str]:
        """Names of machines whose state changed just now. A hint that saves waiting for the next poll."""
        ...


@dataclass(frozen=True)
class PodCredentials:
    """`text` is a .creds file (user JWT and seed), `user` the public key by which it can be revoked."""

    user: str
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class BrokerAccount:
    """The part of the broker in which all pods of one workspace live. `revoked`: users that it refuses, until when."""

    key: str
    workspace_id: UUID
    revoked: dict[str, datetime] = field(default_factory=dict)


class BrokerAccess(Protocol):
    """Accounts and users of the broker that can do no more than their pods need."""

    def new_account_key(self) -> str:
        """For a workspace that has none yet. Empty: the broker knows no accounts and asks for no credentials."""
        ...

    def issue(self, account: str, job_id: UUID, lifetime_s: int) -> PodCredentials: ...

    async def introduce(self, account: BrokerAccount) -> None:
        """Have the broker know the account; one that it knows stays as it is. Raises when it did not confirm."""
        ...

    async def publish(self, accounts: Sequence[BrokerAccount]) -> int:
        """Have the broker know these accounts and refuse exactly their revoked users; how many it had to be told.

        Raises when the broker did not confirm.
        """
        ...
