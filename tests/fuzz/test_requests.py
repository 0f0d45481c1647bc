"""Requests over the broker, those of pods among them: taken, or refused with a problem that can be sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chassis.messaging.replies import BadRequestBody, reply_to_error
from contracts.problem import Problem
from contracts.rpc.catalog import POD_RPCS, RPCS
from tests.fuzz.budget import fuzzed
from tests.fuzz.mutations import broken, junk

MODELS: dict[str, type[BaseModel]] = {rpc.method: rpc.request for rpc in (*(row.rpc for row in RPCS), *POD_RPCS)}
plausible = st.sampled_from([
    "01a20a98-e959-74ed-bfb4-283a69bc0f3c", 0, 1, 2**31, 1.5, "spot", "local", "a/b", "2026-01-31T12:00:00Z", [], ["a"],
    [{}], {}, True, None])


@st.composite
def requests(draw: st.DrawFn, model: type[BaseModel]) -> dict[str, Any]:
    fields = {name: draw(plausible | junk) for name in model.model_fields if draw(st.integers(0, 9))}
    return fields | draw(st.dictionaries(st.text(max_size=5), junk, max_size=1))


def check(model: type[BaseModel], raw: bytes) -> None:
    """What the router of a service does with a request that it cannot read."""
    try:
        request = model.model_validate_json(raw)
    except ValidationError as error:
        reply = reply_to_error("rpc.test.request", BadRequestBody(error))
        assert Problem.model_validate_json(bytes(reply.body)).status == 422
        return
    assert model.model_validate_json(request.model_dump_json()) == request


@fuzzed
@given(st.data(), st.sampled_from(sorted(MODELS)))
def test_other_fields(data, name):
    check(MODELS[name], json.dumps(data.draw(requests(MODELS[name]))).encode())


@fuzzed
@given(st.data(), st.sampled_from(sorted(MODELS)))
def test_broken_bytes(data, name):
    whole = json.dumps(data.draw(requests(MODELS[name]))).encode()
    check(MODELS[name], data.draw(broken(whole)))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", sorted(MODELS))
def test_deep_nesting(name):
    check(MODELS[name], b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
