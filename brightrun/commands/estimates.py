"""`brightrun estimate`: what a run will cost and how long it will take."""

from typing import Annotated, Any

import typer

from brightrun.choices import Gpu, Overrides, Preset, TemplateOption, Tier, overrides
from brightrun.commands.templates import template_id
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.words import duration, money


@plainly
def estimate(
    file_id: Annotated[str, typer.Argument(metavar="FILE_ID", help="See `brightrun files list`.")],
    preset: Preset = None,
    template: TemplateOption = "",
    gpu: Gpu = None,
    tier: Tier = None,
    values: Overrides = None,
    as_json: Json = False,
) -> None:
    """Cost and duration of a run, before it starts."""
    with session() as client:
        found = client.estimate(
            file_id, template_id=template_id(client, template), preset=preset, gpu_type=gpu, gpu_pricing_tier=tier,
            **overrides(values))
    if not out.result(found):
        show_estimate(found)


def show_estimate(found: dict[str, Any]) -> None:
    time, budget = found["duration"], found["budget"]
    out.say(f"Duration  {duration(time['expected_s'])} ({duration(time['low_s'])} to {duration(time['high_s'])})")
    for tier in found["tiers"]:
        cost = tier["cost"]
        out.say(
            f"Cost      {money(cost['expected_micro_usd'])} ({money(cost['low_micro_usd'])} to "
            f"{money(cost['high_micro_usd'])}), {tier['gpu_pricing_tier']} at "
            f"{money(tier['rate_micro_usd_per_hour'])}/h{_whose(tier)}"
        )
    if memory := found.get("memory"):
        out.say(
            f"Memory    {memory['needed_gib']:.1f} of {memory['available_gib']:.1f} GiB for the longest conversation "
            f"({memory['longest_conversation_tokens']:,} tokens); room for {memory['tokens_at_once']:,} at once"
        )
    left, limit = money(budget["available_micro_usd"]), money(budget["limit_micro_usd"])
    out.say(f"Budget    {left} of {limit} left in {budget['month']}")
    out.say(found["explanation"])
    for warning in found.get("warnings", []):
        out.say(f"Note      {warning['message']}")
    if not found["allowed_to_proceed"]:
        out.say("The budget does not cover the upper end: a start would be refused.")


def _whose(tier: dict[str, Any]) -> str:
    """The provider's price of the moment names its card; a configured rate is what nobody else told."""
    if tier.get("rate_source") == "provider":
        return f" ({tier['gpu_model']}, the provider's price now)"
    return " (configured rate)" if "rate_source" in tier else ""
