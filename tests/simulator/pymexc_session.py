"""pymexc, unmodified but for its two address constants, in a process of its own: writes what it got as JSON.

A process of its own because it registers protobuf files under the names that ccxt registers too.
Usage: python -m tests.simulator.pymexc_session REST_URL WS_URL KEY SECRET
"""

import json
import sys
import time
from typing import Any

from pymexc import base, base_websocket, spot

SYMBOL = "NEWUSDT"
PATIENCE_S = 15


def rest(client: spot.HTTP) -> dict[str, Any]:
    """Everything a user does over REST, one after the other."""
    found: dict[str, Any] = {"ping": client.ping(), "symbols": client.default_symbols()["data"]}
    found["row"] = client.exchange_info(SYMBOL)["symbols"][0]["symbol"]
    found["free"] = client.account_information()["balances"]
    book = client.order_book(SYMBOL, 5)
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    client.test_order(SYMBOL, "BUY", "LIMIT", quantity="100", price=bid)
    placed = {
        "LIMIT": client.order(SYMBOL, "BUY", "LIMIT", quantity="100", price="0.01", new_client_order_id="mine-1"),
        "LIMIT_MAKER": client.order(SYMBOL, "BUY", "LIMIT_MAKER", quantity="200", price="0.01"),
        "IMMEDIATE_OR_CANCEL": client.order(SYMBOL, "BUY", "IMMEDIATE_OR_CANCEL", quantity="100", price=ask),
        "FILL_OR_KILL": client.order(SYMBOL, "BUY", "FILL_OR_KILL", quantity="100", price=ask),
        "MARKET": client.order(SYMBOL, "BUY", "MARKET", quote_order_qty="5"),
    }
    found["open"] = len(client.current_open_orders(SYMBOL))
    found["queried"] = client.query_order(SYMBOL, orig_client_order_id="mine-1")["status"]
    found["cancelled"] = client.cancel_order(SYMBOL, order_id=placed["LIMIT"]["orderId"])["orderId"]
    found["cancelled_all"] = len(client.cancel_all_open_orders(SYMBOL))
    found["statuses"] = {
        kind: client.query_order(SYMBOL, order_id=order["orderId"])["status"] for kind, order in placed.items()
    }
    batch = client.batch_orders([{}, {"quantity": "1"}], SYMBOL, "BUY", "LIMIT", quantity="100", price="0.01")
    found["batch"] = [one.get("code") for one in batch]
    client.cancel_all_open_orders(SYMBOL)
    found["orders"] = len(client.all_orders(SYMBOL))
    found["fills"] = len(client.account_trade_list(SYMBOL))
    found["fee"] = client.query_symbol_commission(SYMBOL)["data"]["takerCommission"]
    found["uid"] = client.get_uid()["uid"]
    found["candles"] = len(client.klines(SYMBOL, "1m"))
    found["average"] = client.avg_price(SYMBOL)["mins"]
    found["coins"] = [coin["coin"] for coin in client.get_currency_info()]
    return found


def streams(client: spot.HTTP, ws_url: str, key: str, secret: str) -> list[str]:
    """The bodies that arrive on seven public and three private channels while somebody trades.

    This version's limit_depth_stream names symbol and level in the wrong order, which the venue refuses.
    """
    bodies: set[str] = set()

    def keep(name: str) -> Any:
        return lambda _: bodies.add(name)

    public = spot.WebSocket()
    public.endpoint = ws_url
    public.deals_stream(keep("deals"), SYMBOL, "100ms")
    public.depth_stream(keep("depth"), SYMBOL, "10ms")
    public.book_ticker_stream(keep("book ticker"), SYMBOL, "100ms")
    public.book_ticker_batch_stream(keep("book ticker batch"), [SYMBOL])
    public.kline_stream(keep("candles"), SYMBOL, "Min1")
    public.mini_ticker_stream(keep("mini ticker"), SYMBOL, "UTC+8")
    public.mini_tickers_stream(keep("mini tickers"), "24H")
    private = spot.WebSocket(api_key=key, api_secret=secret, listenKey=client.create_listen_key()["listenKey"])
    private.endpoint = f"{ws_url}?listenKey={private.listenKey}"
    private.account_update(keep("own balances"))
    private.account_deals(keep("own deals"))
    private.account_orders(keep("own orders"))
    deadline = time.monotonic() + PATIENCE_S
    while len(bodies) < 10 and time.monotonic() < deadline:
        ask = client.order_book(SYMBOL, 5)["asks"][0][0]
        client.order(SYMBOL, "BUY", "LIMIT", quantity="30", price=ask)
        time.sleep(0.3)
    return sorted(bodies)


def main(rest_url: str, ws_url: str, key: str, secret: str) -> None:
    """Run both and write what was found to stdout."""
    base.SPOT = rest_url
    base_websocket.SPOT = ws_url
    client = spot.HTTP(api_key=key, api_secret=secret)
    sys.stdout.write(json.dumps({"rest": rest(client), "streams": streams(client, ws_url, key, secret)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
