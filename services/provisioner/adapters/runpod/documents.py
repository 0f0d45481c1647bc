"""RunPod's documents, as far as they are used. What is not known here is ignored in answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True,
                              # What a validation error quotes may hold the environment of a pod.
                              hide_input_in_errors=True)


class GpuOrder(Document):
    id: str
    count: int = 1
    min_cuda_version: str | None = None


class NetworkMount(Document):
    volume_id: str
    path: str


class MountsOrder(Document):
    network: list[NetworkMount]


class PodOrder(Document):
    """The body of `POST /v2/pods`."""

    name: str
    image: str
    gpu: GpuOrder
    cloud: str
    disk: int
    env: dict[str, str] = Field(repr=False)
    data_center_ids: list[str] | None = None
    registry: str | None = None
    mounts: MountsOrder | None = None


class PodGpu(Document):
    id: str = ""


class Pod(Document):
    """A pod without its environment, which holds the trainer's credentials: it is not even read. `status` stays a
    string: a new one must not make every pod unreadable. `cost` in USD per hour, 0 after its end. `shown_at` is ours:
    when the provider showed it so, by its clock."""

    id: str
    name: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    cost: float = 0.0
    gpu: PodGpu | None = None
    shown_at: datetime | None = None
    data_center_id: str | None = None


class PodList(Document):
    """All of them: the list has no pages."""

    pods: list[Pod]


class Price(Document):
    secure: float = 0.0
    community: float = 0.0


class DataCenter(Document):
    id: str
    availability: str = "NONE"


class Gpu(Document):
    """Prices in USD per hour and card."""

    id: str
    price: Price
    availability: str | None = None
    data_centers: list[DataCenter] | None = None


class GpuList(Document):
    gpus: list[Gpu]


class GraphqlError(Document):
    message: str = ""


class Refusal(Document):
    """RFC 9457, or what GraphQL says in its place."""

    title: str = ""
    detail: str = ""
    errors: list[str | GraphqlError] = Field(default_factory=list)


class LogLine(Document):
    line: str = ""


class LowestPrice(Document):
    minimum_bid_price: Annotated[float, Field(gt=0)] | None = None


class SpotGpu(Document):
    lowest_price: LowestPrice | None = None


class SpotGpus(Document):
    gpu_types: list[SpotGpu] = Field(default_factory=list)


class RentedPod(Document):
    id: str


class Rented(Document):
    pod_rent_interruptable: RentedPod | None = None


class GraphqlAnswer(Document):
    data: dict[str, object] | None = None
    errors: list[GraphqlError] = Field(default_factory=list)
