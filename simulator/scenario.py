"""The stage a venue starts with, from a TOML file or the built-in default."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from simulator.control import AccountInput, ControlError, ListingInput, opening_ms, read_script
from simulator.settings import Settings
from simulator.venue import Venue

LONG_OPEN = "-24h"


class Scenario(BaseModel):
    """Accounts, listings and switches at the start. opens_at of listings counts from the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings = Settings()
    accounts: tuple[AccountInput, ...] = ()
    listings: tuple[ListingInput, ...] = ()


DEFAULT = Scenario(
    listings=(
        ListingInput(symbol="BTCUSDT", opens_at=LONG_OPEN, script={"name": "steady", "full_name": "Bitcoin"}),
        ListingInput(
            symbol="ETHUSDT",
            opens_at=LONG_OPEN,
            script={"name": "steady", "open_price": "3000", "full_name": "Ethereum"},
        ),
    )
)


def load_scenario(path: Path | None) -> Scenario:
    """The scenario of a file; None: the default. Raises ControlError when it cannot be read or used."""
    if path is None:
        return DEFAULT
    try:
        given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Scenario.model_validate(given)
    except OSError as error:
        raise ControlError(
            "scenario", value=str(path), expected=f"a readable file ({error.strerror})", remedy="check the path"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ControlError(
            "scenario", value=str(path), expected=f"TOML ({error})", remedy="see simulator/scenarios/example.toml"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ControlError(
            f"scenario {where}",
            value=first["input"],
            expected=first["msg"],
            remedy="see simulator/scenarios/example.toml",
        ) from error


def apply_scenario(scenario: Scenario, venue: Venue, now_ms: int) -> None:
    """Set the stage. Raises ControlError for a listing or an account that cannot be."""
    venue.change_settings(scenario.settings)
    for account in scenario.accounts:
        try:
            venue.add_account(account.name, account.api_key, account.secret, account.balances)
        except ValueError as error:
            raise ControlError(
                "scenario account", value=account.name, expected=str(error), remedy="give each its own key"
            ) from error
    for listing in scenario.listings:
        script = None if listing.script is None else read_script(listing.script)
        try:
            venue.set_listing(listing.symbol, opening_ms(listing.opens_at, now_ms), script, now_ms)
        except ValueError as error:
            raise ControlError(
                "scenario listing", value=listing.symbol, expected=str(error), remedy="change the symbol"
            ) from error
