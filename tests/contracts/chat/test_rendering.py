"""Rendering: the exact text, and that both templates say the same."""

import jinja2.sandbox
import pytest
from pydantic import ValidationError

from contracts.chat import (
    CHAT_TEMPLATE,
    INFERENCE_CHAT_TEMPLATE,
    SPECIAL_TOKEN,
    Conversation,
    Segment,
    Turn,
    render,
    rendered_text,
    to_messages,
)

LLAMA3_OWN_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def talk(*texts: str, system: str | None = "Be kind.", learn: tuple[bool, ...] = ()) -> Conversation:
    turns = [
        Turn(role="assistant" if n % 2 else "user", content=t, learn=bool(n % 2) and (learn[n // 2] if learn else True))
        for n, t in enumerate(texts)
    ]
    return Conversation(key="k", system_prompt=system, turns=tuple(turns))


def jinja(template: str, conversation: Conversation, *, prompt: bool = False) -> str:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
    return environment.from_string(template).render(
        messages=to_messages(conversation), bos_token="<|begin_of_text|>", add_generation_prompt=prompt
    )


def test_segments_of_a_known_conversation():
    assert render(talk("Hi", "Hello.", " More? ", "Yes.\n")) == [
        Segment(
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            learn=False,
        ),
        Segment("Hello.<|eot_id|>", learn=True),
        Segment(
            "<|start_header_id|>user<|end_header_id|>\n\nMore?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            learn=False,
        ),
        Segment("Yes.<|eot_id|>", learn=True),
    ]


def test_a_turn_that_is_not_learnt_is_context():
    segments = render(talk("Hi", "Hello.", "More?", "Yes.", learn=(False, True)))
    assert [segment.text for segment in segments if segment.learn] == ["Yes.<|eot_id|>"]
    assert "Hello.<|eot_id|>" in segments[0].text


def test_nothing_learnt_renders_as_one_segment():
    assert [segment.learn for segment in render(talk("Hi", "Hello.", learn=(False,)))] == [False]


@pytest.mark.parametrize("system", ["Be kind.", None])
def test_text_equals_llama3s_own_template(system):
    conversation = talk("  Hi\n", "Hello.", "More?", "Yes.", system=system)
    assert rendered_text(conversation) == jinja(LLAMA3_OWN_TEMPLATE, conversation)


@pytest.mark.parametrize("prompt", [True, False])
def test_delivered_template_equals_llama3s_own(prompt):
    conversation = talk("Hi", " Hello.")
    expected = jinja(LLAMA3_OWN_TEMPLATE, conversation, prompt=prompt)
    assert jinja(INFERENCE_CHAT_TEMPLATE, conversation, prompt=prompt) == expected


def test_training_template_differs_by_its_marks_only():
    unmarked = CHAT_TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    conversation = talk("Hi", " Hello.", "More?", "Yes.", learn=(False, True))
    assert jinja(unmarked, conversation) == rendered_text(conversation)


@pytest.mark.parametrize("text", ["<|eot_id|>", "a <|begin_of_text|> b", "<|reserved_special_token_12|>"])
def test_control_tokens_are_recognised(text):
    assert SPECIAL_TOKEN.search(text)


@pytest.mark.parametrize("text", ["<|im_start|>", "eot_id", "<| eot_id |>"])
def test_other_text_is_no_control_token(text):
    assert not SPECIAL_TOKEN.search(text)


def test_conversation_starts_with_the_user():
    with pytest.raises(ValidationError, match="turn 1 must not be from the assistant"):
        Conversation(key="k", turns=(Turn(role="assistant", content="a"), Turn(role="user", content="b")))


def test_conversation_ends_with_the_assistant():
    with pytest.raises(ValidationError, match="last turn"):
        talk("Hi", "Hello.", "More?")


def test_a_user_turn_cannot_be_learnt():
    with pytest.raises(ValidationError, match="only assistant turns"):
        Turn(role="user", content="Hi", learn=True)
