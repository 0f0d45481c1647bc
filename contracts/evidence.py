"""How many held-out conversations an interval and a verdict need, and the words for it."""

HOLD_OUT_FRACTION = 0.2
# Holding out more than a third costs the training more than the verdict gains: better to add conversations.
LARGEST_SUGGESTED_FRACTION = 0.33

# Below five conversations an interval says nothing, below ten its degrees of freedom are too few for a verdict; from
# twenty on its coverage lies within 93 to 97 % (docs/evaluation.md).
MINIMUM_FOR_INTERVAL = 5
MINIMUM_FOR_VERDICT = 10
RECOMMENDED = 20

_WORDS = {
    "proven": "proven for conversations of the kind held out",
    "not_proven": "not proven",
    "worse": "worse than the base model on conversations of the kind held out",
}


def has_interval(conversations: int) -> bool:
    return conversations >= MINIMUM_FOR_INTERVAL


def missing_for_verdict(conversations: int) -> int:
    """How many more held-out conversations a verdict needs."""
    return max(0, MINIMUM_FOR_VERDICT - conversations)


def conversations_needed(fraction: float = HOLD_OUT_FRACTION) -> int:
    """How many conversations a file needs for a verdict."""
    return round(MINIMUM_FOR_VERDICT / fraction)


def held_out_count(conversations: int, fraction: float = HOLD_OUT_FRACTION) -> int:
    """How many of a file's conversations are held out: at least one, and never all."""
    return min(max(1, round(conversations * fraction)), conversations - 1) if conversations > 1 else 0


def fraction_that_holds_out(wanted: int, conversations: int) -> float | None:
    """The smallest share, in whole percent, that holds out `wanted`; None where not even a third of them is enough."""
    percents = range(1, round(100 * LARGEST_SUGGESTED_FRACTION) + 1)
    return next((p / 100 for p in percents if held_out_count(conversations, p / 100) >= wanted), None)


def in_words(verdict: str, missing: int = 0) -> str:
    """A verdict as a person reads it; `missing` conversations are what `too_few` lacks."""
    if verdict == "too_few":
        return f"too few to prove; {missing} more held-out conversation{' is' if missing == 1 else 's are'} needed"
    return _WORDS.get(verdict, verdict)
