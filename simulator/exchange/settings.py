"""Switches of a running venue, each standing for something that is unknown or that tests want either way."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """What may be changed while the venue runs; a limit of 0 means none.

    Orders and money
        accept_repeated_ids: take an order whose client id was used before; otherwise it is refused.
        buy_fee_asset: what buys pay their commission in. mx_price: USDT per MX while no MXUSDT is listed.
        cancel_shows: the status in the answer to a cancel: as it was before, or CANCELED.
        permission_refusals: the code for a key without permission: 700007 for all, or 701 to 704 by what is missing.
        unknown_symbol_code, band_code, no_market_code: the codes for an order of a symbol nobody knows, for a price
            outside the percent band, and for a MARKET order where there are none.
        open_orders: per account. kept_orders: ended orders remembered per account.

    Limits
        ip_weight, uid_weight: request weight per 10 s. orders_per_s: placements and cancels together, per account.
        requests_per_s: all signed calls, per account. batches_per_s, accounts_per_s: calls of batchOrders and account,
            per account. announcements_per_2_s: per address.
        ban_after: calls refused with 429, each less than 10 s after the one before, until the address is banned.
        ban_s: length of the first ban; each further one is twice as long, up to three days.

    Streams
        subscriptions: per connection. messages_per_s: of a client, before it is cut off. lifetime_s, silence_s: a
            connection is closed when it is this old, or when nothing has flowed for so long. unsubscribed_s: when
            it has subscribed nothing by then. connections_per_key, listen_keys: per listen key; per account.
        listen_key_s: how long a key holds, and by how much it is prolonged.
        depth_heartbeat_ms: a depth channel whose book stands still states its best level anew after this long.

    Late truth
        trades_lag_ms: how long a fill stays out of myTrades. orders_lag_ms: how old the state is in which queries show
            an order. private_lag_ms: how late private frames are pushed.

    Moods
        maintenance: every call is refused with maintenance_status and maintenance_code, and streams are closed.
        website_wants_browser: the website answers an HTML challenge to callers that do not look like a browser.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept_repeated_ids: bool = False
    buy_fee_asset: Literal["quote", "base"] = "quote"
    mx_price: Annotated[Decimal, Field(gt=0)] = Decimal(2)
    cancel_shows: Literal["before", "canceled"] = "before"
    permission_refusals: Literal["700007", "701-704"] = "700007"
    unknown_symbol_code: int = 10007
    band_code: int = 30087
    no_market_code: int = 30019
    open_orders: Annotated[int, Field(ge=1)] = 500
    kept_orders: Annotated[int, Field(ge=1)] = 20_000

    ip_weight: Count = 300
    uid_weight: Count = 500
    orders_per_s: Count = 12
    requests_per_s: Count = 0
    batches_per_s: Count = 2
    accounts_per_s: Count = 0
    announcements_per_2_s: Count = 5
    ban_after: Count = 50
    ban_s: Annotated[int, Field(ge=1)] = 120

    subscriptions: Count = 30
    messages_per_s: Count = 100
    lifetime_s: Count = 24 * 3600
    silence_s: Count = 60
    unsubscribed_s: Count = 30
    connections_per_key: Count = 5
    listen_keys: Count = 60
    listen_key_s: Annotated[int, Field(ge=1)] = 3600
    depth_heartbeat_ms: Count = 200

    trades_lag_ms: Count = 0
    orders_lag_ms: Count = 0
    private_lag_ms: Count = 0

    maintenance: bool = False
    maintenance_status: Annotated[int, Field(ge=400, le=599)] = 503
    maintenance_code: int = 604
    website_wants_browser: bool = False
