import json
from pathlib import Path

import pytest

from contracts import compatibility, events, generate
from contracts.envelope import EventData
from contracts.example_events import examples
from contracts.registry import EVENTS, UnknownEventType, parse_event
from contracts.rpc.catalog import POD_RPCS, RPCS
from contracts.streams import CONSUMERS, STREAMS

EXAMPLES = Path(generate.ROOT / "examples")
EXAMPLE_FILES = sorted(EXAMPLES.glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.stem)
def test_every_example_file_parses_and_survives_a_round_trip(path: Path) -> None:
    raw = path.read_bytes()
    event = parse_event(raw)
    assert json.loads(event.to_bytes()) == json.loads(raw)
    assert event.subject == event.data.subject()
    assert event.type == event.data.event_type()


def test_every_event_has_an_example_and_no_example_is_an_orphan() -> None:
    with_example = {stem.split(".")[0] + "." + stem.split(".")[1] for stem in examples()}
    assert with_example == {spec.model.subject_prefix() for spec in EVENTS}
    assert {path.stem for path in EXAMPLE_FILES} == set(examples())


def test_every_exported_event_stands_in_the_registry() -> None:
    exported = {item for item in vars(events).values() if isinstance(item, type) and issubclass(item, EventData)}
    assert exported == {spec.model for spec in EVENTS}


def test_generated_files_are_fresh() -> None:
    assert generate.stale(generate.generated_files()) == []


def test_a_missing_and_an_orphaned_schema_are_both_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    orphan = tmp_path / "examples" / "pod.forgotten.json"
    orphan.parent.mkdir()
    orphan.write_text("{}")
    outdated = generate.stale(generate.generated_files())
    assert orphan in outdated
    assert tmp_path / "schemas" / "asyncapi.json" in outdated


def test_each_event_lies_in_exactly_one_stream() -> None:
    for spec in EVENTS:
        holding = [
            stream.name
            for stream in STREAMS
            if any(subject.split(".")[0] == spec.model.entity for subject in stream.subjects)
        ]
        assert holding == [spec.stream]


def test_each_hearing_service_has_a_consumer_for_what_it_hears() -> None:
    heard = {(item.service, model) for item in CONSUMERS for model in item.events}
    assert heard == {(service, spec.model) for spec in EVENTS for service in spec.consumers}
    assert len({item.durable for item in CONSUMERS}) == len(CONSUMERS)


def test_rpc_subjects_are_unique_and_outside_every_stream() -> None:
    subjects = [row.rpc.subject for row in RPCS] + [rpc.subject_filter for rpc in POD_RPCS]
    assert len(set(subjects)) == len(subjects)
    entities = {subject.split(".")[0] for stream in STREAMS for subject in stream.subjects}
    assert not {subject.split(".")[0] for subject in subjects} & entities


def test_unknown_types_and_foreign_bytes_are_refused() -> None:
    with pytest.raises(UnknownEventType):
        parse_event(b'{"type": "brightrun.pod.exploded.v1"}')
    with pytest.raises(UnknownEventType):
        parse_event(b"[]")
    with pytest.raises(json.JSONDecodeError):
        parse_event(b" not json")
    with pytest.raises(UnicodeDecodeError):
        parse_event(b"\xff not UTF-8")


@pytest.mark.parametrize("endless", [b"[" * 200_000, b"9" * 5_000], ids=["nesting", "number"])
def test_what_the_parser_cannot_hold_is_refused_like_any_other_text(endless: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_event(endless)


def test_unknown_fields_of_a_newer_speaker_are_ignored() -> None:
    document = json.loads((EXAMPLES / "pod.running.json").read_bytes())
    document["data"]["region"] = "eu"
    document["newextension"] = 1
    assert parse_event(json.dumps(document).encode()).data.provider == "local"


def test_released_schemas_still_hold() -> None:
    assert compatibility.check() == []
    assert {path.stem for path in compatibility.RELEASED.glob("*.json")} == {spec.type for spec in EVENTS}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda schema: schema["properties"].pop("step"), "$.step: field is gone"),
        (lambda schema: schema["required"].append("note"), "$.note: field became required"),
        (lambda schema: schema["properties"]["step"].update(type="string"), "$.step: type 'integer' became 'string'"),
        (lambda schema: schema["$defs"]["Tier"]["enum"].remove("spot"), "$.tier: value 'spot' is gone"),
    ],
)
def test_breaking_changes_are_named(change, finding: str) -> None:
    old = {
        "type": "object",
        "required": ["step"],
        "properties": {"step": {"type": "integer"}, "tier": {"$ref": "#/$defs/Tier"}},
        "$defs": {"Tier": {"type": "string", "enum": ["spot", "on_demand"]}},
    }
    new = json.loads(json.dumps(old))
    change(new)
    assert finding in compatibility.breaking_changes(old, new)


def test_added_optional_fields_are_compatible() -> None:
    old = {"type": "object", "properties": {"step": {"type": "integer"}}}
    new = {"type": "object", "properties": {"step": {"type": "integer"}, "epoch": {"type": "number"}}}
    assert compatibility.breaking_changes(old, new) == []
