"""The commands and their groups."""

import typer

from brightrun.commands import (
    attempts,
    audit,
    dead_letters,
    doctor,
    downloads,
    errors,
    estimates,
    files,
    jobs,
    keys,
    login,
    logs,
    members,
    models,
    notes,
    queue,
    retries,
    steering,
    templates,
    training,
    validation,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a conversation dataset to a LoRA adapter with proof that it is better.",
)
app.command("doctor")(doctor.doctor)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("validate")(validation.validate)
app.command("estimate")(estimates.estimate)
app.command("train")(training.train)
app.command("queue")(queue.queue)
app.command("promote")(queue.promote)
app.command("attempts")(attempts.attempts)
app.command("download")(downloads.download)
app.command("retry")(retries.retry)
app.command("error-log")(errors.error_log)
app.command("logs")(logs.logs)
app.command("audit")(audit.audit)
app.add_typer(files.app, name="files")
app.add_typer(keys.app, name="keys")
jobs.app.registered_commands += steering.app.registered_commands + notes.app.registered_commands
app.add_typer(jobs.app, name="jobs")
app.add_typer(templates.app, name="templates")
app.add_typer(errors.app, name="errors")
app.add_typer(members.app, name="members")
app.add_typer(models.app, name="models")
app.add_typer(dead_letters.app, name="dlq")
