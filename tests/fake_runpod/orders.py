"""The body of a create, as strict as the provider's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from tests.fake_runpod.account import Refused

_Version = Annotated[str, Field(pattern=r"^\d+\.\d+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class _Gpu(_Strict):
    id: str
    count: int = Field(default=1, ge=1)
    min_cuda_version: _Version | None = None
    allowed_cuda_versions: list[_Version] | None = None


class _Network(_Strict):
    volume_id: str
    path: str


class _Persistent(_Strict):
    size: int = Field(ge=10)
    path: str


class _Mounts(_Strict):
    persistent: _Persistent | None = None
    network: list[_Network] | None = Field(default=None, max_length=1)


class _Order(_Strict):
    name: str = Field(min_length=1)
    image: str
    gpu: _Gpu
    cloud: Literal["SECURE", "COMMUNITY"] = "SECURE"
    data_center_ids: list[str] = Field(default_factory=list)
    disk: int = Field(default=50, ge=1)
    env: dict[str, str] = Field(default_factory=dict)
    ports: list[str] = Field(default_factory=list)
    args: str = ""
    registry: str | None = None
    mounts: _Mounts = Field(default_factory=_Mounts)
    start_ssh: bool = False
    start_jupyter: bool = False
    global_networking: bool = False


def read_order(body: bytes) -> dict[str, Any]:
    """Raises Refused: 422 for a wrong shape, 400 for fields that exclude each other."""
    try:
        order = _Order.model_validate_json(body)
    except ValidationError as error:
        errors = [f"$.{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()]
        raise Refused(422, "Request validation failed.", errors) from None
    if order.gpu.min_cuda_version and order.gpu.allowed_cuda_versions:
        raise Refused(400, "minCudaVersion and allowedCudaVersions are mutually exclusive")
    if order.mounts.persistent and order.mounts.network:
        raise Refused(400, "mounts.persistent and mounts.network are mutually exclusive")
    return order.model_dump(by_alias=True, exclude_none=True)
