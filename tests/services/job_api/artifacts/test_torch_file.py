"""The hand-written `.bin`: what PyTorch reads back, and what is refused."""

import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from services.job_api.artifacts.torch_file import NotSafetensors, write_torch_file

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool]


@given(st.dictionaries(st.text(min_size=1, max_size=30).filter(lambda name: name != "__metadata__"),
                       st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 5), max_size=4)), max_size=6))
@settings(max_examples=40, deadline=None)
def test_pytorch_reads_the_same_tensors(tmp_path_factory, wanted):
    folder = tmp_path_factory.mktemp("bin")
    tensors = {name: torch.randint(0, 2, shape).to(dtype) for name, (dtype, shape) in wanted.items()}
    save_file(tensors, folder / "a.safetensors", metadata={"format": "pt"})
    write_torch_file(folder / "a.safetensors", folder / "adapter_model.bin")
    found = torch.load(folder / "adapter_model.bin", weights_only=True)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found[name], tensor)
        assert found[name].is_contiguous()


def test_the_same_weights_give_the_same_bytes(tmp_path):
    save_file({"w": torch.arange(6.0).reshape(2, 3)}, tmp_path / "a.safetensors")
    for name in ("one", "two"):
        write_torch_file(tmp_path / "a.safetensors", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def header(about: object) -> bytes:
    text = json.dumps(about).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize("content", [
    b"", b"short", struct.pack("<Q", 10**9), header([]), header({"w": {"dtype": "F8", "shape": [1]}}),
    header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}) + b"\0" * 4,
    header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + b"\0" * 4,
    header({"w": {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]}}) + b"\0" * 8,
])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(NotSafetensors):
        write_torch_file(tmp_path / "a.safetensors", tmp_path / "adapter_model.bin")
