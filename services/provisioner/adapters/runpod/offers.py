"""Which cards are asked for, where, and in which order: the cheapest token first, not the cheapest hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contracts.gpus import GpuType
from services.provisioner.adapters.runpod.configuration import CARDS, Configuration
from services.provisioner.adapters.runpod.documents import Gpu

_NONE = "NONE"


@dataclass(frozen=True)
class Offer:
    """`data_centers` empty: anywhere. `usd_per_hour` None: the catalogue was not to be had."""

    gpu_id: str
    data_centers: tuple[str, ...] = ()
    volume_id: str | None = None
    usd_per_hour: float | None = None


def offers(configuration: Configuration, gpu_type: GpuType, gpus: Sequence[Gpu] | None) -> list[Offer]:
    """Machines with the base models at hand first. Without a catalogue everything that is configured, in its order."""
    wanted = [card for card in configuration.speeds if card in CARDS.get(gpu_type, ())]
    if gpus is None:
        ranked = [Offer(card, configuration.data_centers) for card in wanted]
    else:
        ranked = list(_ranked(configuration, [gpu for gpu in gpus if gpu.id in wanted]))
    return [*_with_volumes(configuration, ranked, gpus), *ranked]


def first_on_the_price_list(
    configuration: Configuration, gpu_type: GpuType, gpus: Sequence[Gpu] | None
) -> Offer | None:
    """What would be asked for first; where all is sold out, what would be if it were not. None without a price."""
    if not gpus:
        return None
    in_stock = [gpu.model_copy(update={"availability": None, "data_centers": None}) for gpu in gpus]
    found = [*offers(configuration, gpu_type, gpus), *offers(configuration, gpu_type, in_stock)]
    return found[0] if found else None


def cheapest_token_first(
    configuration: Configuration, priced: Iterable[tuple[Offer, float]]
) -> list[tuple[Offer, float]]:
    """Offers with what each would cost in USD per hour. Machines with the base models at hand stay first."""
    return sorted(priced, key=lambda pair: (pair[0].volume_id is None, pair[1] / configuration.speeds[pair[0].gpu_id]))


def one_place_each(some: Iterable[Offer]) -> Iterator[Offer]:
    """For an interface that takes a single data center."""
    for offer in some:
        for place in offer.data_centers or [""]:
            yield Offer(offer.gpu_id, (place,) if place else (), offer.volume_id, offer.usd_per_hour)


def _ranked(configuration: Configuration, gpus: list[Gpu]) -> Iterator[Offer]:
    for gpu in sorted(gpus, key=lambda gpu: usd_per_hour(configuration, gpu) / configuration.speeds[gpu.id]):
        price, places = usd_per_hour(configuration, gpu), _places(configuration, gpu)
        if gpu.availability != _NONE and 0 < price <= configuration.max_usd_per_hour and places is not None:
            yield Offer(gpu.id, places, None, price)


def _places(configuration: Configuration, gpu: Gpu) -> tuple[str, ...] | None:
    """Of the configured data centers those that have this card free; None: none has. Empty: none is configured."""
    if not configuration.data_centers or gpu.data_centers is None:
        return configuration.data_centers
    return tuple(place for place in configuration.data_centers if place in _free_in(gpu)) or None


def _with_volumes(
    configuration: Configuration, ranked: list[Offer], gpus: Sequence[Gpu] | None
) -> Iterator[Offer]:
    known = {gpu.id: gpu for gpu in gpus or ()}
    for offer in ranked:
        gpu = known.get(offer.gpu_id)
        for place, volume in configuration.volumes.items():
            allowed = not offer.data_centers or place in offer.data_centers
            if allowed and (gpu is None or gpu.data_centers is None or place in _free_in(gpu)):
                yield Offer(offer.gpu_id, (place,), volume, offer.usd_per_hour)


def _free_in(gpu: Gpu) -> set[str]:
    return {place.id for place in gpu.data_centers or () if place.availability != _NONE}


def usd_per_hour(configuration: Configuration, gpu: Gpu) -> float:
    return gpu.price.secure if configuration.cloud == "SECURE" else gpu.price.community
