"""The one shape in which a conversation is stored, previewed and trained."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["user", "assistant"]


class Turn(BaseModel):
    """One message. `learn` marks the assistant turns whose tokens carry loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    content: str = Field(min_length=1)
    learn: bool = False

    @model_validator(mode="after")
    def only_answers_are_learnt(self) -> Self:
        if self.learn and self.role != "assistant":
            raise ValueError("only assistant turns can be learnt")
        return self


class Conversation(BaseModel):
    """A system prompt and turns that alternate strictly: the user first, the assistant last.

    `number` is its place in the file it came from, counted from 1, as the file's check names it; None where that is
    not known. `metadata` is kept for grouping in reports and for the hold-out (`persona`, `emotional_arc`,
    `topic`, ...). Neither reaches the model. Fields of a newer writer are ignored.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str = Field(min_length=1)
    number: int | None = Field(default=None, ge=1)
    system_prompt: str | None = None
    turns: tuple[Turn, ...] = Field(min_length=2)
    metadata: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def alternates(self) -> Self:
        for index, turn in enumerate(self.turns):
            if turn.role != ("user", "assistant")[index % 2]:
                raise ValueError(f"turn {index + 1} must not be from the {turn.role}")
        if self.turns[-1].role != "assistant":
            raise ValueError("the last turn must be the assistant's")
        return self

    @property
    def group(self) -> str:
        """Conversations of one group share text and must stay on the same side of a hold-out."""
        return self.metadata.get("source_conversation", self.key)

    @property
    def answers(self) -> tuple[Turn, ...]:
        """The turns that are learnt."""
        return tuple(turn for turn in self.turns if turn.learn)
