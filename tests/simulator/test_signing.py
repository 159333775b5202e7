"""Signatures and timing, as values: no server involved."""

import pytest

from simulator.errors import Refusal
from simulator.exchange.accounts import Account, ApiKey
from simulator.rest.calls import Call, read_parameters
from simulator.rest.signing import check_signed, cut_signature, digest

DOCUMENTED = "45d0b3c26f2644f19bfb98b07741b2f5"
OWN = "sim-secret-0123456789abcdef"
BATCH = (
    "batchOrders=%5B%7B%22symbol%22%3A%22NEWUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22LIMIT%22%2C%22quantity%22"
    "%3A%2210%22%2C%22price%22%3A%220.05%22%2C%22newClientOrderId%22%3A%22b-1%22%7D%5D&recvWindow=5000"
    "&timestamp=1767225600002"
)
VECTORS = [
    (
        DOCUMENTED,
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
        "",
        "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
    ),
    (
        DOCUMENTED,
        "symbol=BTCUSDT&side=BUY&type=LIMIT",
        "quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
        "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
    ),
    (
        OWN,
        "symbol=NEWUSDT&side=BUY&type=LIMIT&quantity=12.5&price=0.0421&newClientOrderId=snipe-1&recvWindow=3000"
        "&timestamp=1767225600000",
        "",
        "05b125f3ab54d2f2b5a009799f9bf186e7e9839ea0b3dc007ec86de845f3e955",
    ),
    (
        OWN,
        "symbol=NEWUSDT&side=BUY",
        "type=MARKET&quoteOrderQty=25&timestamp=1767225600001",
        "4270921707d3198409881439c2934982b70858344851a7295a9b42649430b541",
    ),
    (OWN, BATCH, "", "082f52e7572df8a14fd39dd676bca9dd688d4bc4fb5e99e01ad0c228395e304d"),
    (OWN, "timestamp=1767225600003", "", "25c1296f1cab92f0d34a52b2d44845fa8f325c7f08b06281dbdb71d9ee879b6d"),
    (
        OWN,
        "timestamp=1767225600004&recvWindow=5000",
        '{"symbol":"NEWUSDT","side":"SELL"}',
        "b2c682ef0d7effc4b96c0de7449b708d9c5fb9e4f9e6e3b44ef78875fdc79ae6",
    ),
]


def call(query: str, body: str = "", method: str = "POST", content_type: str = "application/json") -> Call:
    """A call as it would arrive."""
    headers = {"Content-Type": content_type}
    return Call(method, "/api/v3/order", query, body, headers, "127.0.0.1", 0, 0, read_parameters(query, body))


def key(secret: str) -> ApiKey:
    """Somebody's key with this secret."""
    return ApiKey("key", secret.encode(), Account("somebody"))


def timestamp_of(query: str, body: str) -> int:
    """The time the call claims to have been made."""
    return int(read_parameters(query, body)["timestamp"])


def refusal_code(query: str, now_ms: int, **options: str) -> int:
    """The code with which the call is refused."""
    with pytest.raises(Refusal) as refused:
        check_signed(call(query, **options), key(OWN), now_ms)
    return refused.value.code


def signed(text: str) -> str:
    """The text with its signature behind."""
    return f"{text}&signature={digest(OWN.encode(), text)}"


@pytest.mark.parametrize(("secret", "query", "body", "expected"), VECTORS)
def test_known_vectors_are_accepted(secret: str, query: str, body: str, expected: str) -> None:
    """The signed text is the query followed by the body, with nothing between."""
    now_ms = timestamp_of(query, body)

    assert digest(secret.encode(), query + body) == expected
    check_signed(call(f"{query}&signature={expected}", body), key(secret), now_ms)


@pytest.mark.parametrize(("secret", "query", "body", "expected"), VECTORS)
def test_upper_case_digests_are_accepted(secret: str, query: str, body: str, expected: str) -> None:
    """Clients that send upper-case hexadecimal do trade on the venue."""
    check_signed(call(f"{query}&signature={expected.upper()}", body), key(secret), timestamp_of(query, body))


def test_the_signature_is_cut_wherever_it_stands() -> None:
    """First, in the middle or last: what remains is what was signed."""
    assert cut_signature("signature=x&a=1&b=2") == "a=1&b=2"
    assert cut_signature("a=1&signature=x&b=2") == "a=1&b=2"
    assert cut_signature("a=1&b=2&signature=x") == "a=1&b=2"
    assert cut_signature("signature=x") == ""


def test_a_signature_in_a_form_body_is_accepted() -> None:
    """Everything, signature included, may stand in the body."""
    body = signed("symbol=NEWUSDT&side=BUY&timestamp=1767225600000")

    check_signed(call("", body), key(OWN), 1767225600000)


def test_a_signature_in_a_json_body_is_accepted() -> None:
    """The member is dropped from the object before the text is compared."""
    text = '{"symbol":"NEWUSDT","timestamp":1767225600000}'
    body = text[:-1] + f',"signature":"{digest(OWN.encode(), text)}"' + "}"

    check_signed(call("", body), key(OWN), 1767225600000)


def test_a_client_whose_stack_escapes_anew_is_accepted() -> None:
    """What was signed escaped and sent unescaped still counts."""
    sent = "symbol=NEWUSDT&note=%61b&timestamp=1767225600000"
    plain = "symbol=NEWUSDT&note=ab&timestamp=1767225600000"

    check_signed(call(f"{sent}&signature={digest(OWN.encode(), plain)}"), key(OWN), 1767225600000)


def test_another_secret_is_refused() -> None:
    """A digest made with any other secret is no signature."""
    text = "timestamp=1767225600000"
    assert refusal_code(f"{text}&signature={digest(b'other', text)}", 1767225600000) == 700002


def test_a_signature_of_odd_characters_is_just_wrong() -> None:
    """Nothing a client sends there can upset the venue."""
    assert refusal_code("timestamp=1767225600000&signature=%C3%A9", 1767225600000) == 700002


def test_a_missing_signature_is_named() -> None:
    """The refusal is about a mandatory parameter, not about a wrong signature."""
    assert refusal_code("timestamp=1767225600000", 1767225600000) == 700004


@pytest.mark.parametrize(
    ("distance_ms", "accepted"), [(999, True), (1000, False), (-5000, True), (-5001, False), (0, True)]
)
def test_the_time_window_is_five_seconds_back_and_one_ahead(distance_ms: int, accepted: bool) -> None:
    """timestamp - now: below 1,000 ms, and at least -5,000 ms by default."""
    now_ms = 1767225600000
    query = signed(f"timestamp={now_ms + distance_ms}")

    if accepted:
        check_signed(call(query), key(OWN), now_ms)
    else:
        assert refusal_code(query, now_ms) == 700003


def test_a_receive_window_above_a_minute_is_refused() -> None:
    """60,000 ms is the most a client may ask for."""
    now_ms = 1767225600000

    check_signed(call(signed(f"timestamp={now_ms - 59_000}&recvWindow=60000")), key(OWN), now_ms)
    assert refusal_code(signed(f"timestamp={now_ms}&recvWindow=60001"), now_ms) == 700005


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_changing_calls_need_the_json_content_type(method: str) -> None:
    """Anything else is refused, even where the body is a form."""
    query = signed("timestamp=1767225600000")
    assert refusal_code(query, 1767225600000, method=method, content_type="application/x-www-form-urlencoded") == 700013


def test_the_content_type_of_a_get_is_not_looked_at() -> None:
    """Reading calls may carry any content type or none."""
    query = signed("timestamp=1767225600000")
    check_signed(call(query, method="GET", content_type="text/plain"), key(OWN), 1767225600000)


def test_the_query_wins_over_the_body() -> None:
    """A name in both places has the query's value."""
    assert read_parameters("side=BUY", "side=SELL&price=1") == {"side": "BUY", "price": "1"}
