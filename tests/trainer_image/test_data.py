"""What a person reads about conversations that do not fit."""

from trainer_image.data import Sample
from trainer_image.start_warnings import names


def sample(number: int | None) -> Sample:
    return Sample(key="0199-c0de", group=None, prompt=(), input_ids=[], labels=[], number=number)


def test_a_conversation_is_named_as_the_check_of_the_file_names_it() -> None:
    assert sample(7).name == "conversation 7 (id 0199-c0de)"
    assert sample(None).name == "conversation 0199-c0de", "stored before numbers were kept"


def test_of_many_only_the_first_are_named() -> None:
    many = [sample(number) for number in range(1, 8)]
    assert names(many[:1]) == "conversation 1 (id 0199-c0de)"
    assert names(many).endswith("conversation 5 (id 0199-c0de) and 2 more")


