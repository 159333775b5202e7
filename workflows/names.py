"""Names that faces, automations and workers share."""

CONTROL_QUEUE = "control"
FIRE_QUEUE = "fire"
GUARD_QUEUE = "guard"

WATCH_LISTINGS_ID = "watch-listings"

SEARCH_ATTRIBUTES = {
    "SniperAccount": "Keyword",
    "SniperSymbol": "Keyword",
    "SniperPhase": "Keyword",
    "SniperOutcome": "Keyword",
    "SniperOpensAt": "Datetime",
}
"""Registered on the namespace before the first start."""
