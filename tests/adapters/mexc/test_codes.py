"""Every answer of the venue has a family, and the doubtful ones have the careful family."""

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc.codes import Purpose, Reply, accepted_body, family_of
from domain.errors import (
    AccessDenied,
    ClockRefused,
    NotTradable,
    OrderRejected,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    Refused,
    SizeRefused,
    SniperError,
    TryAgain,
)

DOCUMENTED = """
-1121 -1127 -1128 -2011 -2013 26 400 401 402 403 406 429 500 501 503 504 510 511 513 600 601 603 604 602 701 702 703 704
801 10001 10007 10004 10015 10072 10073 10095 10096 10097 10098 10099 10100 10103 10101 10102 10200 10201 10202 10206
10211 10203 10212 10216 10219 10222 10232 10259 10265 10268 11444 20001 20002 22222 30000 30001 30002 30003 30004 30005
30010 30014 30021 30016 30018 30019 30020 30025 30026 30027 30028 30029 30032 30041 30051 30087 33333 44444 60005 70011
88004 88009 88013 88015 140001 140002 700001 700002 700003 700004 700005 700006 700007 700008 700013 730000 730001
730002 730003 730100 730101 730601 730607 730700 730707
"""
"""The venue's whole code table; of its last two groups (7306xx, 7307xx) some members."""


@pytest.mark.parametrize("code", [int(code) for code in DOCUMENTED.split()])
def test_every_documented_code_has_a_family(code: int) -> None:
    """No code of the venue's table falls through to the default."""
    assert family_of(code) is not None


@pytest.mark.parametrize(
    ("status", "code", "text", "family"),
    [
        (400, 30001, "direction not allowed", NotTradable),
        (400, 10007, "symbol not support api", NotTradable),
        (400, 10007, "bad symbol", NotTradable),
        (400, 30000, "", NotTradable),
        (400, 30014, "", NotTradable),
        (400, 30016, "", NotTradable),
        (400, 30025, "no opponent order", NotTradable),
        (400, 30087, "Order price exceeds allowed range", PriceRefused),
        (400, 30004, "Insufficient position", OrderRejected),
        (400, 30005, "Oversold", OrderRejected),
        (400, 30002, "The minimum transaction volume cannot be less than:1USDT", SizeRefused),
        (400, 30019, "api market order is disabled", OrderRejected),
        (400, 400, " quantity scale is invalid", SizeRefused),
        (400, 400, "api key required", AccessDenied),
        (400, 400, "Duplicate newClientOrderId", OutcomeUnknown),
        (400, 603, "repeated request", OutcomeUnknown),
        (400, 500, "invalid type", OrderRejected),
        (400, 500, "internal error", OutcomeUnknown),
        (500, 500, "internal error", OutcomeUnknown),
        (503, 30004, "Insufficient position", OutcomeUnknown),
        (400, 700002, "Signature for this request is not valid.", AccessDenied),
        (400, 10072, "Api key info invalid", AccessDenied),
        (403, 403, "access denied", AccessDenied),
        (401, 999, "unauthorized", AccessDenied),
        (451, 0, "Service unavailable from a restricted location.", AccessDenied),
        (400, 700003, "Timestamp for this request is outside of the recvWindow.", ClockRefused),
        (429, 429, "Too Many Requests", RateLimited),
        (418, 429, "banned", RateLimited),
        (400, 510, "too frequent", RateLimited),
        (400, 604, "maintenance", TryAgain),
        (400, 987654, "never seen", OrderRejected),
        (200, 987654, "never seen", OutcomeUnknown),
        (200, 26, "operation not allowed", NotTradable),
    ],
)
def test_an_answer_to_an_order_belongs_to_its_family(
    status: int, code: int, text: str, family: type[SniperError]
) -> None:
    """Status, code and text together decide."""
    with pytest.raises(SniperError) as caught:
        accepted_body(Reply(status, orjson.dumps({"code": code, "msg": text})), Purpose.WRITE)

    assert type(caught.value) is family


def test_the_opening_cap_is_read_from_the_refusal() -> None:
    """Only this text tells the highest price; without it the cap stays unknown."""
    named, unnamed = (
        Reply(400, orjson.dumps({"code": 30010, "msg": text}))
        for text in ("Order price cannot exceed 0.05USDT", "no valid trade price")
    )

    with pytest.raises(PriceRefused) as with_cap:
        accepted_body(named, Purpose.WRITE)
    with pytest.raises(PriceRefused) as without_cap:
        accepted_body(unnamed, Purpose.WRITE)

    assert (with_cap.value.cap, with_cap.value.code) == (Decimal("0.05"), 30010)
    assert without_cap.value.cap is None


@pytest.mark.parametrize(
    ("price", "cap"),
    [
        ("1E-7", "1E-7"),
        ("1.5e-7", "1.5E-7"),
        ("2E+1", "20"),
        ("0." + "0" * 8 + "1" * 22, "0." + "0" * 8 + "1" * 22),
        ("5EUR", "5"),
        ("1E-777", None),
        ("1,000.5", None),
        ("1.2.3", None),
    ],
)
def test_a_cap_is_read_as_a_whole_or_not_at_all(price: str, cap: str | None) -> None:
    """A small one comes with an exponent; the beginning of another number is no cap."""
    reply = Reply(400, orjson.dumps({"code": 30010, "msg": f"Order price cannot exceed {price}USDT"}))

    with pytest.raises(PriceRefused) as refused:
        accepted_body(reply, Purpose.WRITE)

    assert refused.value.cap == (None if cap is None else Decimal(cap))


@pytest.mark.parametrize("status", [429, 418, 403])
def test_a_limit_says_how_long_to_wait(status: int) -> None:
    """Also the firewall's 403, which is a ban when it names a time."""
    with pytest.raises(RateLimited) as caught:
        accepted_body(Reply(status, b'{"code":403,"msg":""}', retry_after="7"), Purpose.WRITE)

    assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code":', b"\xff\xfe"])
@pytest.mark.parametrize("status", [200, 301, 400, 404, 500, 502, 504])
def test_an_unreadable_answer_leaves_an_order_open_and_a_read_repeatable(status: int, body: bytes) -> None:
    """What cannot be read decides nothing."""
    with pytest.raises(OutcomeUnknown):
        accepted_body(Reply(status, body), Purpose.WRITE)
    with pytest.raises(TryAgain):
        accepted_body(Reply(status, body), Purpose.READ)


@pytest.mark.parametrize("status", [408, 499])
def test_a_proxy_that_gave_up_waiting_decides_nothing(status: int) -> None:
    """The venue may have taken the order behind it, whatever the proxy's own code says."""
    with pytest.raises(OutcomeUnknown):
        accepted_body(Reply(status, b'{"code":1408,"msg":"upstream request timeout"}'), Purpose.WRITE)


@given(
    status=st.integers(100, 599),
    body=st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "msg", "data"]), inner)
            ),
            max_leaves=6,
        ).map(orjson.dumps),
    ),
    purpose=st.sampled_from(Purpose),
)
def test_any_answer_is_accepted_or_has_a_family(status: int, body: bytes, purpose: Purpose) -> None:
    """Nothing but our own errors comes out; a read is never left in doubt, and only a 2xx is accepted."""
    try:
        accepted_body(Reply(status, body), purpose)
        accepted = True
    except (Refused, TryAgain):
        accepted = False
    except OutcomeUnknown:
        accepted = False
        assert purpose is Purpose.WRITE

    assert not accepted or 200 <= status < 300
