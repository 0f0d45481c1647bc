"""Every sample reads as its README says, and is what its source makes."""

import json
from pathlib import Path

import pytest

from contracts.training_file import TrainingFileRefused, read_training_file
from examples.build_samples import broken_samples, read_dialogues, samples
from examples.generate import dialogues, main

FOLDER = Path(__file__).parents[2] / "examples"
DIALOGUES = read_dialogues((FOLDER / "conversations.txt").read_text(encoding="utf-8"))
BROKEN = json.loads((FOLDER / "broken" / "expected.json").read_text(encoding="utf-8"))


def read(path: Path):
    with path.open("rb") as stream:
        return read_training_file(stream, file_name=path.name)


@pytest.mark.parametrize(
    ("name", "form", "records", "trainable", "conversations"),
    [
        ("sample.json", "brightrun-json", 93, 45, 14),
        ("sample.jsonl", "brightrun-jsonl", 45, 45, 14),
        ("sample-flat.json", "brightrun-json", 13, 6, 2),
        ("sample-chat.jsonl", "chat-jsonl", 4, 4, 4),
        ("sample-prompt-completion.jsonl", "prompt-completion-jsonl", 4, 4, 4),
        ("sample-sharegpt.json", "sharegpt", 4, 4, 4),
    ],
)
def test_valid_samples_can_be_trained(name, form, records, trainable, conversations):
    report = read(FOLDER / name).report
    found = (report.format, report.records, report.trainable, report.conversations)
    assert found == (form, records, trainable, conversations)
    assert report.can_train
    assert report.needs_review == ()


@pytest.mark.parametrize("name", sorted(samples(DIALOGUES)))
def test_samples_are_what_their_source_makes(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == samples(DIALOGUES)[name]


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_samples_give_their_code(name):
    path = FOLDER / "broken" / name
    code, content = broken_samples(DIALOGUES)[name]
    assert (path.read_text(encoding="utf-8"), BROKEN[name]) == (content, code)
    assert code in codes_of(path)


def codes_of(path: Path) -> set[str]:
    try:
        return set(read(path).report.issue_counts)
    except TrainingFileRefused as refused:
        return {refused.code}


def test_no_broken_sample_is_an_orphan():
    assert {path.name for path in (FOLDER / "broken").iterdir()} == {*BROKEN, "expected.json"}


def test_the_sample_has_variety():
    report = read(FOLDER / "sample.json").report
    assert (len(report.personas), len(report.emotional_arcs), len(report.topics)) == (5, 6, 13)
    words = [len(turn.content.split()) for c in read(FOLDER / "sample.json").conversations for turn in c.answers]
    assert min(words) >= 40
    assert max(words) <= 120


def test_the_sample_in_both_variants_is_trained_the_same():
    one, other = read(FOLDER / "sample.json"), read(FOLDER / "sample.jsonl")
    assert [(c.key, c.turns) for c in one.conversations] == [(c.key, c.turns) for c in other.conversations]


@pytest.mark.slow
def test_generated_file_has_the_real_size(tmp_path):
    main(["--out", str(tmp_path / "load.json")])
    report = read(tmp_path / "load.json").report
    assert (report.conversations, report.records, report.errors) == (242, 1567, 0)
    assert report.can_train


def test_generated_jsonl_has_the_answered_records_only(tmp_path):
    main(["--out", str(tmp_path / "load.jsonl"), "--conversations", "10", "--records", "60"])
    report = read(tmp_path / "load.jsonl").report
    assert (report.conversations, report.unanswered) == (10, 0)


def test_the_same_seed_gives_the_same_dialogues():
    assert dialogues(20, 130, seed=3) == dialogues(20, 130, seed=3)
    assert dialogues(20, 130, seed=3) != dialogues(20, 130, seed=4)


def test_impossible_sizes_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "x.json"), "--conversations", "10", "--records", "10"])
    assert "4 to 10 records each" in capsys.readouterr().err
