"""Writes `adapter_model.bin` from safetensors without PyTorch, which the API would need for nothing else.

A `.bin` file is a ZIP with a pickle of {name: tensor} and the raw bytes of every tensor
(torch/csrc/jit/serialization, torch/_utils.py `_rebuild_tensor_v2`). Safetensors holds the same raw bytes
(https://huggingface.co/docs/safetensors, "Format"), so they are copied through in bounded memory. The tests load
the result with `torch.load(weights_only=True)`.
"""

import json
import struct
import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, BinaryIO

_STORAGES = {
    "F64": ("DoubleStorage", 8),
    "F32": ("FloatStorage", 4),
    "F16": ("HalfStorage", 2),
    "BF16": ("BFloat16Storage", 2),
    "I64": ("LongStorage", 8),
    "I32": ("IntStorage", 4),
    "I16": ("ShortStorage", 2),
    "I8": ("CharStorage", 1),
    "U8": ("ByteStorage", 1),
    "BOOL": ("BoolStorage", 1),
}
_ROOT = "adapter_model"
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1024 * 1024
_LARGEST_HEADER = 100_000_000


class NotSafetensors(ValueError):
    """The file is not in the safetensors format, or holds a type that PyTorch has no storage for."""


@dataclass(frozen=True)
class Tensor:
    name: str
    storage: str
    shape: tuple[int, ...]
    offset: int
    length: int


def write_torch_file(safetensors: Path, target: Path) -> None:
    """The same tensors under the same names. Raises NotSafetensors."""
    with safetensors.open("rb") as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        tensors = _tensors(source, safetensors.stat().st_size)
        archive.writestr(_entry("data.pkl"), _pickle(tensors))
        archive.writestr(_entry("byteorder"), b"little")
        for number, tensor in enumerate(tensors):
            with archive.open(_entry(f"data/{number}"), "w", force_zip64=tensor.length >= 2**31) as member:
                _copy(source, tensor, member)
        archive.writestr(_entry("version"), b"3\n")


def _tensors(source: BinaryIO, size: int) -> list[Tensor]:
    try:
        (length,) = struct.unpack("<Q", source.read(8))
        if length > min(size, _LARGEST_HEADER):
            raise NotSafetensors("the header is longer than the file")
        header = json.loads(source.read(length))
        return [_tensor(name, about, 8 + length, size) for name, about in header.items() if name != "__metadata__"]
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotSafetensors(str(error)) from error


def _tensor(name: str, about: dict[str, Any], start: int, size: int) -> Tensor:
    storage, width = _STORAGES[about["dtype"]]
    shape = tuple(int(side) for side in about["shape"])
    begin, end = (int(place) for place in about["data_offsets"])
    if min((begin, *shape)) < 0 or end - begin != prod(shape) * width or start + end > size:
        raise NotSafetensors(f"the place of {name} is wrong")
    return Tensor(name, storage, shape, start + begin, end - begin)


def _copy(source: BinaryIO, tensor: Tensor, member: IO[bytes]) -> None:
    source.seek(tensor.offset)
    left = tensor.length
    while left:
        chunk = source.read(min(_CHUNK, left))
        if not chunk:
            raise NotSafetensors(f"{tensor.name} is cut off")
        member.write(chunk)
        left -= len(chunk)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{_ROOT}/{name}", _TIME)
    entry.external_attr = 0o644 << 16
    return entry


def _pickle(tensors: list[Tensor]) -> bytes:
    """Protocol 2, written by hand: {name: _rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict())}."""
    items = b"".join(_text(tensor.name) + _rebuilt(tensor, number) for number, tensor in enumerate(tensors))
    return b"\x80\x02}(" + items + b"u."


def _rebuilt(tensor: Tensor, number: int) -> bytes:
    count = prod(tensor.shape)
    storage = b"(" + _text("storage") + _global("torch", tensor.storage) + _text(str(number)) + _text("cpu")
    hooks = _global("collections", "OrderedDict") + b")R"
    arguments = (
        storage + _int(count) + b"tQ" + _int(0) + _ints(tensor.shape) + _ints(_strides(tensor.shape)) + b"\x89" + hooks
    )
    return _global("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a contiguous tensor, in elements."""
    return tuple(prod(max(1, size) for size in shape[n + 1 :]) for n in range(len(shape)))


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _int(value: int) -> bytes:
    if value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def _ints(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(_int(value) for value in values) + b"t"
