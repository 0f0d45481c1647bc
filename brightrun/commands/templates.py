"""`brightrun templates`: configurations that are kept under a name and used again."""

from typing import Annotated, Any
from uuid import UUID

import typer

from brightrun.choices import Gpu, Overrides, Preset, Tier, overrides
from brightrun.client import Client
from brightrun.errors import BrightrunError
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.words import money

app = typer.Typer(no_args_is_help=True, help="Configurations under a name, to be used again.")
Named = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Name or id; see `templates list`.")]
Shared = Annotated[bool, typer.Option("--shared", help="With everybody in the workspace; otherwise only you see it.")]


@app.command("list")
@plainly
def list_templates(
    query: Annotated[str, typer.Option("--query", "-q", help="In name and description.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100)] = 50,
    after: Annotated[str, typer.Option(help="next_cursor of the page before")] = "",
    as_json: Json = False,
) -> None:
    """The product's own, the workspace's and yours, with how jobs from them went."""
    with session() as client:
        page = client.templates(limit, q=query, after=after)
    if out.result(page):
        return
    out.table(["id", "name", "whose", "preset", "jobs", "success", "average cost"], [_row(each) for each in page.data])
    if page.has_more:
        out.say(f"More: brightrun templates list --after {page.next_cursor}")


@app.command("show")
@plainly
def show(template: Named, as_json: Json = False) -> None:
    """One template: what a job from it is told."""
    with session() as client:
        found = client.template(_id_of(client, template))
    if not out.result(found):
        _show(found)


@app.command("create")
@plainly
def create(
    name: str,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    preset: Preset = None,
    gpu: Gpu = None,
    tier: Tier = None,
    values: Overrides = None,
    shared: Shared = False,
    as_json: Json = False,
) -> None:
    """Keep a configuration under a name."""
    with session() as client:
        made = client.create_template(
            name, description=description, preset=preset, gpu_type=gpu, gpu_pricing_tier=tier,
            hyperparameters=overrides(values), visibility=_visibility(shared))
    _say_made(made)


@app.command("save")
@plainly
def save(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="See `brightrun jobs list`.")],
    name: Annotated[str, typer.Option(help="The job's name when absent.")] = "",
    description: Annotated[str, typer.Option(help="The job's own when absent.")] = "",
    with_file: Annotated[bool, typer.Option(help="Whether it proposes the job's training file.")] = True,
    shared: Shared = False,
    as_json: Json = False,
) -> None:
    """Keep what a job was told as a template."""
    with session() as client:
        made = client.save_as_template(
            job_id, name=name, description=description, visibility=_visibility(shared), with_file=with_file)
    _say_made(made)


@app.command("share")
@plainly
def share(
    template: Named,
    private: Annotated[bool, typer.Option("--private", help="Take it back: only its maker sees it.")] = False,
    as_json: Json = False,
) -> None:
    """Let everybody in the workspace use a template."""
    with session() as client:
        found = client.edit_template(_id_of(client, template), visibility=_visibility(not private))
    if not out.result(found):
        out.say(f"{found['name']} is {found['visibility']}.")


@app.command("delete")
@plainly
def delete(template: Named, as_json: Json = False) -> None:
    """Delete a template; jobs that were made from it stay."""
    with session() as client:
        found = client.delete_template(_id_of(client, template))
    if not out.result(found):
        out.say("Deleted.")


def template_id(client: Client, named: str) -> str | None:
    """Of an option that may be empty."""
    return _id_of(client, named) if named else None


def _id_of(client: Client, named: str) -> str:
    """Raises BrightrunError for a name that none or several have."""
    try:
        return str(UUID(named))
    except ValueError:
        found = [each for each in _all(client, named) if each["name"].casefold() == named.casefold()]
    if len(found) == 1:
        return str(found[0]["id"])
    ids = ", ".join(each["id"] for each in found)
    raise BrightrunError(
        f"Several templates are called {named!r}: {ids}." if found else f"There is no template {named!r} for you.",
        "Name its id." if found else "See `brightrun templates list`.")


def _all(client: Client, search: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = client.templates(100, q=search, after=after)
        found += page.data
        if not page.has_more:
            return found
        after = page.next_cursor


def _visibility(shared: bool) -> str:
    return "shared" if shared else "private"


def _say_made(made: dict[str, Any]) -> None:
    if not out.result(made):
        out.say(f"Template {made['id']}: {made['name']} ({made['visibility']})")
        out.say(f"Use it: brightrun train FILE --template {made['id']}")


def _row(found: dict[str, Any]) -> list[str]:
    usage = found["usage"]
    whose = found["visibility"].replace("_", "-")
    return [found["id"], found["name"], whose, found["preset"], str(usage["jobs"]), _success(usage),
            money(usage["average_cost_micro_usd"])]


def _show(found: dict[str, Any]) -> None:
    usage, changes = found["usage"], found["differences_from_preset"]
    out.say(f"{found['name']} ({found['id']}), {found['visibility'].replace('_', '-')}")
    if found["description"]:
        out.say(found["description"])
    out.say(f"Preset    {found['preset']}" + "".join(f", {each['field']} {each['value']}" for each in changes))
    out.say(f"Machine   {found['gpu_type'] or 'the default one'}, {found['gpu_pricing_tier']}, at most "
            f"{found['max_duration_s'] / 3600:g} h")
    if found["training_file_id"]:
        out.say(f"File      {found['training_file_id']}")
    for title, value in (("For", [found["client"], found["project"]]), ("Tags", found["tags"])):
        if text := ", ".join(filter(None, value)):
            out.say(f"{title:9} {text}")
    average = money(usage["average_cost_micro_usd"])
    out.say(f"Jobs      {usage['jobs']}, success {_success(usage)}, {average} on average")


def _success(usage: dict[str, Any]) -> str:
    rate = usage["success_rate"]
    return "none ended yet" if rate is None else f"{rate:.0%} of {usage['ended']}"
