"""Made-up evaluations."""

from collections.abc import Sequence

from contracts.events import ConversationLikelihood


def sample(
    tokens: int, base: float, trained: float, key: str = "c", source: str | None = None
) -> ConversationLikelihood:
    """Likelihoods given per token, in nats."""
    return ConversationLikelihood(
        conversation_key=key,
        tokens=tokens,
        base_nll=base * tokens,
        trained_nll=trained * tokens,
        source_conversation=source,
    )


def samples(gains: Sequence[float], tokens: int = 100) -> list[ConversationLikelihood]:
    """One conversation for each gain in nats per token."""
    return [sample(tokens, 3.0, 3.0 - gain, key=f"c-{n}") for n, gain in enumerate(gains)]
