"""How lines are broken: at words on a terminal, not at all elsewhere."""

import io

from rich.console import Console

from brightrun.output import Output

LONG = "conversations 3, 7, 12 and 19 more: ends on a user turn without an answer; the turn is dropped"
ID = "01a209fb-ba26-7a55-9743-83dd062eb111"


def output(width: int, *, terminal: bool) -> tuple[Output, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, soft_wrap=True)
    return Output(console, console), file


def test_a_terminal_gets_lines_of_its_width_broken_at_words_under_each_other():
    out, file = output(50, terminal=True)
    out.item("  warning ", f"TF202: {LONG}")
    assert file.getvalue().splitlines() == [
        "  warning TF202: conversations 3, 7, 12 and 19",
        "          more: ends on a user turn without an",
        "          answer; the turn is dropped",
    ]


def test_what_is_said_and_noted_is_wrapped_too():
    for say in (lambda out: out.say(LONG), lambda out: out.note(LONG)):
        out, file = output(50, terminal=True)
        say(out)
        lines = file.getvalue().splitlines()
        assert " ".join(lines) == LONG
        assert max(map(len, lines)) <= 50


def test_an_id_is_never_broken_even_where_it_is_longer_than_the_line():
    out, file = output(30, terminal=True)
    out.say(f"The file is kept: {ID} (1,234,567 bytes)")
    assert file.getvalue().splitlines() == ["The file is kept:", ID, "(1,234,567 bytes)"]


def test_a_pipe_gets_one_line():
    out, file = output(50, terminal=False)
    out.item("  warning ", LONG)
    assert file.getvalue() == f"  warning {LONG}\n"


def test_text_of_several_lines_is_printed_as_it_is_laid_out():
    out, file = output(30, terminal=True)
    text = '{\n  "a": "' + "word " * 10 + '"\n}'
    out.say(text)
    assert file.getvalue() == text + "\n"


def test_an_empty_line_is_a_line():
    out, file = output(30, terminal=True)
    out.say()
    assert file.getvalue() == "\n"
