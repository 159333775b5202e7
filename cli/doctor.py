"""The command that examines the installation: doctor."""

import typer

from cli.output import Json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(epilog="Example: sniper doctor --json")(doctor)


def doctor(json: Json = False) -> None:
    """Look at everything a session needs, and say what to do about what is not well. Exit code 1: an error."""
    from adapters.doctor.findings import Severity, worst
    from cli.doctor_report import report, waiting
    from cli.doctor_run import diagnose
    from cli.output import write_json

    with waiting(quiet=json):
        findings = diagnose()
    if json:
        write_json({"worst": worst(findings), "checks": findings})
    else:
        report(findings)
    raise typer.Exit(1 if worst(findings) is Severity.ERROR else 0)
