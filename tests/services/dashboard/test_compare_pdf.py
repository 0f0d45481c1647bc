"""The PDF of a comparison: what stands in it, that it is tagged, and that nothing people wrote is read as markup."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from io import BytesIO
from threading import Thread
from typing import Any

import pytest
from pypdf import PdfReader

from services.dashboard.pdf.plot import plot, points, ticks
from services.dashboard.pdf.typesetter import NotTypeset, TooBusy, Typesetter
from tests.services.dashboard.test_compare import HOSTILE, path, two_proven

MADE_AT = datetime(2026, 11, 29, 12, 30, tzinfo=UTC).isoformat()


def read(made: bytes) -> str:
    """Its text, without line breaks and the places where long words may be broken."""
    pages = PdfReader(BytesIO(made)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).replace("\u200b", "").split())


def data(**more: Any) -> dict[str, Any]:
    """What the template needs at least."""
    empty = {"title": "Comparison", "made_at": MADE_AT, "made_at_words": "then", "link": "http://page/compare",
             "jobs": [], "recommended": None, "reason": "", "would_change": [], "notes": [], "rows": [],
             "settings": [], "charts": [], "missing": []}
    return empty | more


async def test_it_holds_what_the_page_shows(api, browser) -> None:
    first, second = await two_proven(api)
    address = path(first, second, baseline=first["id"], axis="epoch")
    answer = await browser.get(address.replace("/compare", "/compare.pdf"))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="comparison.pdf"'
    words = read(answer.content)
    for expected in ("Comparison of 2 training jobs", "Recommended: Second", "“Second” improved most",
                     "Improvement over the base model 3.0 % 8.0 % best +5.0 percentage points",
                     "Learning rate 0.0001 0.0002", "Training loss (nats per token) over epoch", "baseline",
                     first["id"], first["created_by_name"], "Page 1 of "):
        assert expected in words, expected
    document = PdfReader(BytesIO(answer.content))
    root = document.trailer["/Root"]
    assert (root["/MarkInfo"]["/Marked"], root["/Lang"], document.metadata.title) == (
        True, "en", "Comparison of 2 training jobs")
    assert b"pdfuaid" in answer.content, "held to PDF/UA"
    links = [note.get_object()["/A"]["/URI"] for page in document.pages for note in page.get("/Annots", [])]
    assert links
    assert all(link.endswith(f"&baseline={first['id']}&axis=epoch&curve=loss") for link in links)


async def test_hostile_names_are_set_as_they_are(api, browser) -> None:
    names = (HOSTILE, "W" * 180, "abc 你好 😀 עברית \u202eback", "#include \"/etc/passwd\" @ref <label> \\ $")
    jobs = [await api.new_job(name=name) for name in names]
    words = read((await browser.get(path(*jobs).replace("/compare", "/compare.pdf"))).content)
    for expected in (HOSTILE, names[3], "abc", "W" * 20, "fonts do not have are shown as boxes"):
        assert expected in words, expected
    assert "root:" not in words


def test_the_same_data_give_the_same_bytes_and_text_is_never_markup() -> None:
    given = data(reason='#panic("x") *b* _i_ `c` // = ] [ #sys.version', missing=["- a", "+ b", "/ c: d"])
    made = Typesetter().pdf("comparison.typ", given)
    assert made == Typesetter().pdf("comparison.typ", given)
    assert given["reason"] in read(made)
    assert "- a" in read(made)


def test_a_document_that_fails_or_takes_too_long_is_ended() -> None:
    with pytest.raises(NotTypeset, match="ended with 1"):
        Typesetter().pdf("comparison.typ", {"made_at": MADE_AT})
    with pytest.raises(NotTypeset, match=r"more than 0\.01 s"):
        Typesetter(limit_s=0.01).pdf("comparison.typ", data())


def test_no_more_than_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    typesetter = Typesetter(at_once=1, patience_s=0)
    began: list[str] = []
    done: list[str] = []

    def slow(*_: object) -> bytes:
        began.append("it")
        while not done:
            time.sleep(0.01)
        return b""

    monkeypatch.setattr(typesetter, "_run", slow)
    other = Thread(target=typesetter.pdf, args=("comparison.typ", data()))
    other.start()
    while not began:
        time.sleep(0.01)
    with pytest.raises(TooBusy):
        typesetter.pdf("comparison.typ", data())
    done.append("it")
    other.join()
    assert typesetter.pdf("comparison.typ", data()) == b""


def test_what_the_program_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret of the service: neither its environment nor its folder."""
    given: dict[str, Any] = {}

    class Done:
        returncode, stdout = 0, b"%PDF"

    def run(command: list[str], **options: Any) -> Done:
        given.update(options, command=command)
        return Done()

    monkeypatch.setenv("BRIGHTRUN_SESSION_KEY", "secret")
    monkeypatch.setattr("services.dashboard.pdf.typesetter.subprocess.run", run)
    assert Typesetter().pdf("comparison.typ", data()) == b"%PDF"
    assert set(given["env"]) == {"PATH", "RAYON_NUM_THREADS", "MALLOC_ARENA_MAX"}
    assert "-I" in given["command"]


def series(**columns: list[float | str]) -> dict[str, Any]:
    return {"boundaries": [], "series": [
        {"metric": name, "steps": list(range(0, 10 * len(values), 10)), "times": [60.0 * n for n in range(len(values))],
         "attempts": [1] * len(values), "values": values, "total_points": len(values), "flagged_steps": []}
        for name, values in columns.items()]}


def test_curves_over_each_axis() -> None:
    found = series(loss=[3.0, "NaN", 2.0, 1.0], epoch=[0.0, 0.5, 1.0])
    assert points(found, "loss", "step") == [(0, 3.0), (20, 2.0), (30, 1.0)]
    assert points(found, "loss", "time") == [(0, 3.0), (2, 2.0), (3, 1.0)]
    assert points(found, "loss", "epoch") == [(0.0, 3.0), (1.0, 2.0), (1.0, 1.0)]
    assert points(found, "validation_loss", "step") == []
    found["series"][1]["steps"], found["series"][1]["values"] = [0, 20, 40], [0.0, 1.0, 2.0]
    found["series"][1]["times"] = [0.0, 120.0, 240.0]
    assert [x for x, _ in points(found, "loss", "epoch")] == [0.0, 1.0, 1.5], "between two that are known"


def test_a_plot_fills_its_box() -> None:
    drawn = plot({1: [(0, 1.0), (100, 3.0)], 3: [(50, 2.0)], 4: []})
    assert drawn["lines"] == [{"number": 1, "points": [[0, 1], [1, 0]]}, {"number": 3, "points": [[0.5, 0.5]]}]
    assert [tick["label"] for tick in drawn["x_ticks"]] == ["0", "20", "40", "60", "80", "100"]
    assert plot({1: []}) == {"lines": [], "x_ticks": [], "y_ticks": []}
    alone = plot({2: [(7, 0.0)]})
    assert alone["lines"][0]["points"] == [[0.5, 0.5]]


@pytest.mark.parametrize(("low", "high", "labels"), [
    (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (-1, 1, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
    (0.00012, 0.00031, ["0.00015", "0.00020", "0.00025", "0.00030"]),
    (0, 12_000, ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"])])
def test_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in ticks(low, high)] == labels
