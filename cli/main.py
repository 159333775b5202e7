"""The `sniper` command: what there is to say to an installation, and how refusals reach a person.

Exit codes: 0 done, 1 refused or failed, 2 usage. Commands load what they need when they run, so that help is quick.
"""

import os
import sys

import typer

from cli import demo, doctor, inspection, machine, stopping, trading
from domain.errors import SniperError, StoreUnavailable

DONE, REFUSED = 0, 1

app = typer.Typer(
    name="sniper",
    help="Buys new listings at their opening instant, inside a hard budget, and guards the position until it is flat.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
machine.register(app)
demo.register(app)
trading.register(app)
inspection.register(app)
stopping.register(app)
doctor.register(app)


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Carry out one command line and return its exit code; an expected error becomes one line on standard error.

    arguments: without the program's name; None: of this process.
    """
    try:
        app(arguments, prog_name="sniper")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else DONE if exc.code is None else REFUSED
    except StoreUnavailable as exc:
        return _refuse(f"{exc}; start it with `sniper up`, or correct DATABASE_URL")
    except SniperError as exc:
        return _refuse(str(exc))
    except KeyboardInterrupt:
        return _refuse("interrupted")
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return DONE


def _refuse(text: str) -> int:
    sys.stderr.write(f"sniper: {' '.join(text.split())}\n")
    return REFUSED
