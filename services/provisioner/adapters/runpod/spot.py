"""Spot machines. REST v2 has none: the GraphQL mutation is used as long as the provider has it.

RunPod withdraws it (announced for early 2027, and not documented any more). When it refuses, spot is off for an hour
and says so; everything else goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError

from services.provisioner.adapters.answers import without_secrets
from services.provisioner.adapters.exchange import NotSent, RateLimited, Unavailable
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.documents import Document, GraphqlAnswer, Rented, SpotGpus
from services.provisioner.adapters.runpod.errors import Gone, NotFound, graphql_refusal, is_withdrawn
from services.provisioner.adapters.runpod.http import Http
from services.provisioner.adapters.runpod.offers import Offer
from services.provisioner.ports import NoCapacity, RequestRefused, TierNotOffered

_log = structlog.get_logger(__name__)
_D = TypeVar("_D", bound=Document)

_OFF_S = 3600.0
_LOWEST_BID = """query LowestBid($id: String!, $secure: Boolean) {
  gpuTypes(input: {id: $id}) { lowestPrice(input: {gpuCount: 1, secureCloud: $secure}) { minimumBidPrice } }
}"""
# Values travel as variables: nothing of a request is ever pasted into the text.
_RENT = """mutation Rent($input: PodRentInterruptableInput!) {
  podRentInterruptable(input: $input) { id }
}"""


class SpotMarket:
    """`http` is its own: a rate limit of GraphQL must not hold up REST. Nothing was made when it raises NoCapacity."""

    def __init__(self, http: Http, configuration: Configuration) -> None:
        self._http, self._configuration = http, configuration
        self._off_until = float("-inf") if configuration.spot else float("inf")

    def check(self) -> None:
        """Raises TierNotOffered while spot is off."""
        if time.monotonic() < self._off_until:
            raise TierNotOffered("RunPod offers no spot machines; choose on_demand, or auto, which takes it then")

    async def bids(self, offers: Sequence[Offer]) -> tuple[list[tuple[Offer, float]], list[NoCapacity]]:
        """Offers with the bid for each, a card asked for once; and why there is none for the others.

        Raises TierNotOffered.
        """
        found: dict[str, float | NoCapacity] = {}
        for offer in offers:
            if offer.gpu_id not in found:
                try:
                    found[offer.gpu_id] = await self.bid(offer)
                except NoCapacity as error:
                    found[offer.gpu_id] = error
        priced = [(offer, bid) for offer in offers if isinstance(bid := found[offer.gpu_id], float)]
        return priced, [error for error in found.values() if isinstance(error, NoCapacity)]

    async def bid(self, offer: Offer) -> float:
        """USD per hour: a little above the lowest bid, never above the price on demand. Raises NoCapacity."""
        secure = self._configuration.cloud == "SECURE"
        try:
            found = await self._ask(SpotGpus, _LOWEST_BID, {"id": offer.gpu_id, "secure": secure}, {})
        except (Unavailable, NotSent) as error:
            raise NoCapacity(f"RunPod tells no bid for {offer.gpu_id}: {error}") from None
        lowest = next((gpu.lowest_price.minimum_bid_price for gpu in found.gpu_types if gpu.lowest_price), None)
        if lowest is None:
            raise NoCapacity(f"RunPod has no spot machine with {offer.gpu_id}")
        limit = min(self._configuration.max_usd_per_hour, offer.usd_per_hour or float("inf"))
        if lowest > limit:
            raise NoCapacity(f"the lowest bid for {offer.gpu_id} is ${lowest:.2f}/h, above the limit of ${limit:.2f}")
        return min(limit, lowest * (1 + self._configuration.bid_margin))

    async def rent(self, name: str, offer: Offer, bid: float, environment: Mapping[str, str]) -> str:
        """The new pod's id."""
        rented = await self._ask(Rented, _RENT, {"input": self._order(name, offer, bid, environment)}, environment)
        if rented.pod_rent_interruptable is None:
            raise NoCapacity(f"RunPod made no spot machine with {offer.gpu_id} and gave no reason")
        return rented.pod_rent_interruptable.id

    def _order(self, name: str, offer: Offer, bid: float, environment: Mapping[str, str]) -> dict[str, Any]:
        configuration = self._configuration
        order: dict[str, Any] = {
            "name": name, "imageName": configuration.image, "gpuTypeId": offer.gpu_id, "gpuCount": 1,
            "bidPerGpu": bid, "cloudType": configuration.cloud, "containerDiskInGb": configuration.disk_gb,
            "volumeInGb": 0,
            "env": [{"key": key, "value": value} for key, value in environment.items()]}
        if configuration.min_cuda:
            order["minCudaVersion"] = configuration.min_cuda
        if offer.data_centers:
            order["dataCenterId"] = offer.data_centers[0]
        if offer.volume_id:
            order |= {"networkVolumeId": offer.volume_id, "volumeMountPath": configuration.volume_path}
        if configuration.registry:
            order["containerRegistryAuthId"] = configuration.registry
        return order

    async def _ask(
        self, document: type[_D], text: str, variables: dict[str, Any], secrets: Mapping[str, str]
    ) -> _D:
        self.check()
        body = {"query": text, "variables": variables}
        try:
            answer = await self._http.post(self._configuration.graphql_url, body, secrets)
        except RateLimited as error:
            raise NoCapacity(f"RunPod's spot market does not want to be asked: {error}") from None
        except (NotFound, Gone) as error:
            raise self._withdrawn(str(error)) from None
        except RequestRefused as error:
            raise (self._withdrawn(str(error)) if is_withdrawn(str(error)) else error) from None
        try:
            read = GraphqlAnswer.model_validate_json(answer.content)
        except ValidationError:
            raise Unavailable("RunPod's GraphQL answer cannot be read") from None
        if read.errors:
            words = without_secrets("; ".join(error.message for error in read.errors)[:2000],
                                    {**secrets, "key": self._configuration.api_key})
            raise self._withdrawn(words) if is_withdrawn(words) else graphql_refusal(words)
        return document.model_validate(read.data or {})

    def _withdrawn(self, words: str) -> TierNotOffered:
        _log.warning("runpod_spot_off", for_s=_OFF_S, provider_says=words)
        self._off_until = time.monotonic() + _OFF_S
        return TierNotOffered(f"RunPod offers no spot machines any more ({words}); choose on_demand or auto")
