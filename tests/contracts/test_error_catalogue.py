"""The catalogue of errors: whole, in the terms of a configuration, and filled with a job's own numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.error_catalogue import CATALOGUE, ChangeRule, Edit, ErrorCode, Remedy, entry_of, kept_facts, recognised
from contracts.error_catalogue.edits import suggested
from contracts.error_catalogue.sentences import told
from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType
from contracts.gpus import PricingTier
from contracts.hyperparameters import Hyperparameters
from contracts.presets import PRESETS

CONFIGURATIONS = [
    preset.hyperparameters.model_dump(mode="json")
    | {"gpu_type": "h100_pcie_80gb", "gpu_pricing_tier": tier.value, "max_duration_s": seconds}
    for preset in PRESETS.values() for tier in PricingTier for seconds in (3600, 24 * 3600)
]


def test_every_code_has_an_entry_and_every_type_a_code() -> None:
    assert set(CATALOGUE) == set(ErrorCode)
    assert {entry.error_type for entry in CATALOGUE.values()} == set(TrainingErrorType)
    for error_type in TrainingErrorType:
        assert entry_of(error_type).error_type is error_type


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.code.value)
def test_an_entry_is_something_a_person_can_act_on(entry) -> None:
    assert entry.title
    assert entry.problem.endswith(".")
    assert entry.what_to_do.endswith((".", ")."))
    assert all(sentence.endswith(".") for sentence in entry.likely_cause)
    assert entry.docs_url == f"/api/training/errors#{entry.code.value}"
    # What the released type calls hopeless is not called promising by its code, nor the other way round, unless
    # somebody else has to act.
    if entry.failure_class is ERROR_CLASSES[entry.error_type].failure_class:
        assert entry.retryable is ERROR_CLASSES[entry.error_type].retryable


@pytest.mark.parametrize("entry", [e for e in CATALOGUE.values() if e.remedies], ids=lambda entry: entry.code.value)
def test_suggested_edits_give_a_configuration_that_may_run(entry) -> None:
    for configuration in CONFIGURATIONS:
        edits = entry.edits(configuration, {})
        changed = configuration | {edit.field: edit.after for edit in edits}
        Hyperparameters.model_validate({name: changed[name] for name in Hyperparameters.model_fields})
        PricingTier(changed["gpu_pricing_tier"])
        assert 60 <= changed["max_duration_s"] <= 24 * 3600
        assert all(edit.before == configuration[edit.field] and edit.after != edit.before for edit in edits)


def test_lack_of_memory_keeps_the_conversations_per_step_until_there_is_only_one() -> None:
    entry, values = CATALOGUE[ErrorCode.GPU_OUT_OF_MEMORY], CONFIGURATIONS[0]
    halved = {edit.field: edit.after for edit in entry.edits(values, {})}
    assert halved == {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    # A trainer that computes by tokens has come down to one conversation before it gave up.
    shorter = {edit.field: edit.after for edit in entry.edits(values, {"tokens_at_once": 4096})}
    assert shorter == {"max_seq_length": 2048}
    assert [edit.field for edit in entry.edits(values | {"per_device_train_batch_size": 1}, {})] == ["max_seq_length"]
    assert entry.edits(values | {"per_device_train_batch_size": 1, "max_seq_length": 128}, {}) == ()


def test_a_longer_sequence_stays_within_what_the_model_reads() -> None:
    entry, values = CATALOGUE[ErrorCode.SEQUENCE_TOO_LONG], CONFIGURATIONS[0] | {"max_seq_length": 6000}
    assert [edit.after for edit in entry.edits(values, {"context_length": 8192})] == [8192]
    assert [edit.after for edit in entry.edits(values, {})] == [12_000]
    assert entry.edits(values | {"max_seq_length": 8192}, {"context_length": 8192}) == ()


def test_on_demand_is_no_remedy_for_who_has_it() -> None:
    entry = CATALOGUE[ErrorCode.NO_GPU_CAPACITY]
    tiers = {c["gpu_pricing_tier"]: entry.edits(c, {}) for c in CONFIGURATIONS}
    assert [edit.after for edit in tiers["spot"]] == ["on_demand"]
    assert tiers["on_demand"] == ()


def test_more_time_before_fewer_epochs() -> None:
    entry = CATALOGUE[ErrorCode.TIME_LIMIT]
    short, full = CONFIGURATIONS[0] | {"max_duration_s": 3600}, CONFIGURATIONS[0] | {"max_duration_s": 86_400}
    assert [(edit.field, edit.after) for edit in entry.edits(short, {})] == [("max_duration_s", 7200)]
    assert [(edit.field, edit.after) for edit in entry.edits(full, {})] == [("num_epochs", 1)]


def test_a_remedy_whose_first_edit_changes_nothing_is_none() -> None:
    stays = Remedy(edits=(Edit(field="num_epochs", rule=ChangeRule.SET, value=1),
                          Edit(field="lora_rank", rule=ChangeRule.HALVE)))
    assert suggested((stays,), {"num_epochs": 1, "lora_rank": 8}, {}) == ()
    assert suggested((stays,), {"lora_rank": 8}, {}) == ()


def test_the_likely_cause_says_only_what_is_known() -> None:
    entry = CATALOGUE[ErrorCode.GPU_OUT_OF_MEMORY]
    facts = {"longest_conversation": "conversation 7", "longest_conversation_tokens": 3888, "memory_used_gb": 79.14,
             "memory_total_gb": 79.6}
    assert entry.explained(facts) == (
        "The longest, conversation 7, has 3,888 tokens. 79.1 of 79.6 GB were in use.")
    assert entry.explained({}) == ""
    assert entry.explained({**facts, "memory_used_gb": "unknown"}).endswith("3,888 tokens.")


def test_facts_from_outside_reach_no_attribute() -> None:
    assert told(["{x}"], {"x": "{y.__class__}"}) == "{y.__class__}"


@settings(deadline=None, max_examples=10)  # no time is asserted on a machine that others use
@given(st.dictionaries(st.text(max_size=20), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=1000),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=5)), max_size=80))
def test_what_is_kept_of_a_context_is_small_and_plain(context) -> None:
    kept = kept_facts(context)
    assert len(kept) <= 60
    for value in kept.values():
        for item in value if isinstance(value, list) else [value]:
            assert isinstance(item, bool | int | float | str)
            assert item == item
            assert not isinstance(item, str) or len(item) <= 300


@pytest.mark.parametrize(("text", "code"), [
    ("CUDA out of memory. Tried to allocate 2.00 GiB", "gpu_out_of_memory"),
    ("torch.OutOfMemoryError: nothing left", "gpu_out_of_memory"),
    ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", "host_out_of_memory"),
    ("Failed to pull image: ErrImagePull", "image_pull"),
    ("error: pull access denied for acme/trainer", "image_pull"),
    ("OSError: [Errno 28] No space left on device", "disk_full"),
    ("insufficient funds", "provider_balance"),
    ("ConnectionResetError: Connection reset by peer", "network_lost"),
    ("KeyError: 'x'", None),
])
def test_what_nobody_told_apart_is_told_by_its_words(text: str, code: str | None) -> None:
    found = recognised(text)
    assert (found.code.value if found else None) == code
    assert entry_of(TrainingErrorType.UNKNOWN, None, text).code.value == (code or "unknown")


def test_a_named_code_goes_before_words_and_an_unknown_one_falls_back() -> None:
    assert entry_of(TrainingErrorType.STORAGE, "checkpoint_damaged", "No space left on device").code == (
        ErrorCode.CHECKPOINT_DAMAGED)
    assert entry_of(TrainingErrorType.STORAGE, "code_of_a_later_release").code is ErrorCode.STORAGE_REFUSED
    # Words of another kind of failure do not change the type that was told.
    assert entry_of(TrainingErrorType.DATASET, None, "No space left on device").code is ErrorCode.DATASET_FORMAT
