"""What the venue's website asks of its own servers: calendar and symbol tables. Undocumented by the venue.

Some of it sits on other hosts in reality; here one address serves everything. No request limits apply.
"""

from collections import defaultdict
from typing import Any

from simulator import errors
from simulator.engine.identifiers import coin_id
from simulator.exchange.listings import Listing, ListingState
from simulator.rest.endpoints import Context, Endpoint

WEEK_MS = 7 * 24 * 3_600_000
GONE = frozenset({ListingState.WITHDRAWN, ListingState.DELISTED})


def _calendar(context: Context) -> Any:
    """Openings from a week ago to a week ahead, the nearest future one last."""
    _like_a_browser(context)
    coins = [
        {
            "vcoinId": coin_id(listing.market.rules.base_asset),
            "vcoinName": listing.market.rules.base_asset,
            "vcoinNameFull": listing.market.rules.full_name,
            "firstOpenTime": opens_at_ms,
            "zone": "NEW",
            "introductionEn": f"{listing.market.rules.full_name} is a made-up project.",
            "introductionCn": "",
        }
        for listing in context.venue.listings.values()
        if (opens_at_ms := listing.on_the_website_ms(context.now_ms)) is not None
        and abs(opens_at_ms - context.now_ms) <= WEEK_MS
    ]
    return {"code": 0, "msg": "success", "data": {"newCoins": sorted(coins, key=_opening, reverse=True)}}


def _symbols_v2(context: Context) -> Any:
    """Every pair by its quote asset, with the three undocumented status members."""
    _like_a_browser(context)
    found: dict[str, list[Any]] = defaultdict(list)
    for listing in _on_the_website(context):
        rules = listing.market.rules
        status, spot, trading = listing.web_statuses(context.now_ms)
        found[rules.quote_asset].append(
            {
                "cd": coin_id(rules.base_asset),
                "mcd": coin_id(rules.quote_asset),
                "vn": rules.base_asset,
                "fn": rules.full_name,
                "fne": rules.full_name,
                "sts": status,
                "st": spot,
                "tt": trading,
                "tp": 1,
                "ot": listing.on_the_website_ms(context.now_ms),
                "srt": len(found[rules.quote_asset]) + 1,
                "ps": rules.price_scale,
                "qs": rules.base_scale,
                "ca": "",
                "cdm": 1,
                "cp": [],
                "ci": [],
                "in": "",
                "dst": 1,
            }
        )
    return {"code": 200, "msg": "success", "data": {"symbols": found}}


def _symbols(context: Context) -> Any:
    """Every pair with its scales."""
    _like_a_browser(context)
    return {
        "code": 200,
        "data": [
            {
                "currency": listing.market.rules.base_asset,
                "market": listing.market.rules.quote_asset,
                "priceScale": listing.market.rules.price_scale,
                "quantityScale": listing.market.rules.base_scale,
            }
            for listing in _on_the_website(context)
        ],
    }


def _contracts(_: Context) -> Any:
    """Futures, of which there are none; clients ask for them when they load markets."""
    return {"success": True, "code": 0, "data": []}


def _on_the_website(context: Context) -> list[Listing]:
    return [one for one in context.venue.listings.values() if one.state(context.now_ms) not in GONE]


def _like_a_browser(context: Context) -> None:
    """Raises Challenge when the website is set to want a browser and the caller does not look like one."""
    headers = context.call.headers
    if not context.venue.settings.website_wants_browser:
        return
    looks_right = "Mozilla/" in headers.get("User-Agent", "") and headers.get("Accept-Language")
    if not (looks_right and (headers.get("Referer") or headers.get("Origin"))):
        raise errors.Challenge


def _opening(coin: dict[str, Any]) -> int:
    opens_at_ms: int = coin["firstOpenTime"]
    return opens_at_ms


WEB_ENDPOINTS = {
    ("GET", "/api/operation/new_coin_calendar"): Endpoint(_calendar, weight=0),
    ("GET", "/api/platform/spot/market-v2/web/symbolsV2"): Endpoint(_symbols_v2, weight=0),
    ("GET", "/api/platform/spot/market/symbols"): Endpoint(_symbols, weight=0),
    ("GET", "/api/v1/contract/detail"): Endpoint(_contracts, weight=0),
}
