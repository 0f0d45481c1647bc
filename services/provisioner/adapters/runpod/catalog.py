"""RunPod's catalogue, asked for at most every half minute. It orders candidates; it reserves nothing."""

from __future__ import annotations

import asyncio
import time

import structlog

from services.provisioner.adapters.runpod.client import RunPodClient
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.documents import Gpu
from services.provisioner.adapters.runpod.offers import usd_per_hour
from services.provisioner.ports import ProviderError, RequestRefused

_log = structlog.get_logger(__name__)

_MAX_AGE_S = 30.0


class Catalog:
    def __init__(self, client: RunPodClient, configuration: Configuration) -> None:
        self._client, self._configuration = client, configuration
        self._gpus: list[Gpu] | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    def forget(self) -> None:
        """What it said was not so."""
        self._read_at = float("-inf")

    def known_usd(self, gpu_id: str) -> float | None:
        """The card's price per hour on demand as it was last read; None: it was not."""
        gpu = next((gpu for gpu in self._gpus or () if gpu.id == gpu_id), None)
        return None if gpu is None else usd_per_hour(self._configuration, gpu)

    async def gpus(self) -> list[Gpu] | None:
        """Cards with prices and stock. None: the catalogue does not answer, and has not before."""
        async with self._reading:  # asked once for everybody who waits
            if time.monotonic() - self._read_at >= _MAX_AGE_S:
                await self._read()
        return self._gpus

    async def _read(self) -> None:
        try:
            self._gpus = await self._client.list_gpus(self._configuration.cloud, self._configuration.min_cuda)
        except RequestRefused:
            raise
        except ProviderError as error:
            # Its stock is old now, its prices are not.
            _log.warning("runpod_catalog_unreadable", error=str(error))
            self._gpus = self._gpus and [gpu.model_copy(update=_UNKNOWN_STOCK) for gpu in self._gpus]
            return
        self._read_at = time.monotonic()


_UNKNOWN_STOCK = {"availability": None, "data_centers": None}
