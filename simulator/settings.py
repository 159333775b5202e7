"""Switches of a running venue, each standing for something that is unknown or that tests want either way."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """What may be changed while the venue runs; a limit of 0 means none.

    accept_repeated_ids: take an order whose client id was used before; otherwise it is refused.
    buy_fee_asset: what buys pay their commission in.
    cancel_shows: the status in the answer to a cancel: as it was before, or CANCELED.
    ip_weight, uid_weight: request weight per 10 s. orders_per_s: placements and cancels together, per account.
    open_orders: per account. trades_lag_ms: how long a fill stays out of myTrades.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept_repeated_ids: bool = False
    buy_fee_asset: Literal["quote", "base"] = "quote"
    cancel_shows: Literal["before", "canceled"] = "before"
    ip_weight: Count = 300
    uid_weight: Count = 500
    orders_per_s: Count = 12
    open_orders: Annotated[int, Field(ge=1)] = 500
    trades_lag_ms: Count = 0
