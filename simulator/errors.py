"""The venue's refusals: one exception, and a constructor for each situation, with the venue's own code and text.

Every constructor returns the Refusal to raise. Nothing here knows HTTP beyond the status number.
"""

from dataclasses import dataclass

from simulator.codes import status_of, text_of
from simulator.engine.arithmetic import LEGAL_RANGE


@dataclass(eq=False)
class Refusal(Exception):
    """A definite no with the venue's code and text; the call changed nothing.

    retry_after_s: whole seconds for the Retry-After header; None: no such header.
    """

    code: int
    message: str
    status: int = 400
    retry_after_s: int | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.code} {self.message}"


class Challenge(Exception):
    """The website wants to see a browser: the caller gets an HTML page instead of data."""


def documented(code: int) -> Refusal:
    return Refusal(code, text_of(code), status_of(code))


def missing_parameter(name: str) -> Refusal:
    return Refusal(700004, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def missing_order_id() -> Refusal:
    return Refusal(700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null")


def illegal_characters(name: str) -> Refusal:
    return Refusal(700008, f"Illegal characters found in parameter '{name}'; legal range is '{LEGAL_RANGE}'.")


def api_key_required() -> Refusal:
    return documented(400)


def unknown_api_key() -> Refusal:
    return documented(10072)


def invalid_content_type() -> Refusal:
    return documented(700013)


def invalid_signature() -> Refusal:
    return documented(700002)


def outside_recv_window() -> Refusal:
    return documented(700003)


def recv_window_too_large() -> Refusal:
    return documented(700005)


def too_many_requests(retry_after_s: int) -> Refusal:
    return Refusal(429, "Too Many Requests", status=429, retry_after_s=retry_after_s)


def not_found() -> Refusal:
    return Refusal(404, "Not Found", status=404)


def banned(retry_after_s: int) -> Refusal:
    return Refusal(418, "IP banned: too many requests", status=418, retry_after_s=retry_after_s)


def maintenance(status: int, code: int) -> Refusal:
    return Refusal(code, "System under maintenance", status=status)


def invalid_key_format() -> Refusal:
    return documented(700001)


def key_expired() -> Refusal:
    return documented(402)


def address_not_listed(address: str) -> Refusal:
    return Refusal(700006, f"IP [{address}] not in the ip white list")


def no_permission() -> Refusal:
    return documented(700007)


def lacks_permission(code: int, permission: str) -> Refusal:
    return Refusal(code, f"api key lacks {permission}")


def account_abnormal() -> Refusal:
    return documented(60005)


def pair_banned() -> Refusal:
    return documented(70011)


def parameter_error() -> Refusal:
    return documented(33333)


def invalid_interval() -> Refusal:
    return Refusal(-1121, "Invalid interval.")


def window_too_wide(hours: int) -> Refusal:
    return Refusal(-1127, f"More than {hours} hours between startTime and endTime.")


def invalid_combination() -> Refusal:
    return documented(-1128)


def orders_too_old() -> Refusal:
    return Refusal(400, "Only 7 day's data can be queried")


def trades_too_old() -> Refusal:
    return Refusal(400, "Exceeded the queryable time range")


def invalid_symbol() -> Refusal:
    return documented(-1121)


def bad_symbol(code: int = 10007) -> Refusal:
    return Refusal(code, "bad symbol")


def invalid_type() -> Refusal:
    return Refusal(500, "invalid type")


def direction_not_allowed() -> Refusal:
    return documented(30001)


def quantity_scale() -> Refusal:
    return Refusal(400, " quantity scale is invalid")


def price_scale() -> Refusal:
    return Refusal(400, " price scale is invalid")


def amount_scale() -> Refusal:
    return Refusal(400, " amount scale is invalid")


def below_minimum(limit: str, asset: str) -> Refusal:
    return Refusal(30002, f"The minimum transaction volume cannot be less than:{limit}{asset}")


def above_maximum(limit: str, asset: str) -> Refusal:
    return Refusal(30003, f"The maximum transaction volume cannot be greater than:{limit}{asset}")


def insufficient_position() -> Refusal:
    return documented(30004)


def oversold() -> Refusal:
    return documented(30005)


def no_valid_price() -> Refusal:
    return documented(30010)


def above_opening_cap(cap: str, asset: str) -> Refusal:
    return Refusal(30010, f"Order price cannot exceed {cap}{asset}")


def outside_price_band(code: int = 30087) -> Refusal:
    return Refusal(code, "Order price exceeds allowed range")


def market_order_disabled(code: int = 30019) -> Refusal:
    return Refusal(code, "api market order is disabled")


def no_opponent_order() -> Refusal:
    return documented(30025)


def too_many_open_orders() -> Refusal:
    return documented(30029)


def duplicate_client_order_id() -> Refusal:
    return Refusal(400, "Duplicate newClientOrderId")


def unknown_order_sent() -> Refusal:
    return documented(-2011)


def order_does_not_exist() -> Refusal:
    return documented(-2013)


def listen_key_missing() -> Refusal:
    return Refusal(400, "listenKey does not exist")


def too_many_listen_keys() -> Refusal:
    return Refusal(400, "too many listen keys")
