"""A child process that trades on paper until it is killed: `python -m tests.adapters.paper.trader URL SEED`."""

import asyncio
import itertools
import random
import sys
from contextlib import suppress

from adapters.postgres.database import Database
from domain.errors import OrderRejected
from domain.orders import OrderKind, Side
from tests.adapters.paper.conftest import Bench
from tests.adapters.paper.market import MARKET_RULES, a_book, a_market_buy, a_request


async def trade(url: str, seed: int) -> None:
    chance = random.Random(seed)
    async with Database(url, name="trader") as database:
        bench = Bench(database)
        bench.exchange_clock.one_way = 0.0
        bench.public.now_rules = MARKET_RULES
        for number in itertools.count():
            name = f"s{seed}n{number}"
            book = a_book(
                asks=[("0.05", str(chance.randint(1, 90))), ("0.051", "40")],
                bids=[("0.049", str(chance.randint(1, 90))), ("0.048", "40")],
                version=number * 10 + seed,
            )
            bench.streams.show(book)
            await bench.exchange.warm_up("NEWUSDT")
            side = chance.choice(list(Side))
            price = "0.051" if side is Side.BUY else "0.048"
            kind = chance.choice(list(OrderKind))
            at_market = kind is OrderKind.MARKET  # only ever bought
            wish = a_market_buy(name) if at_market else a_request(name, side=side, kind=kind, price=price)
            with suppress(OrderRejected):  # it may have nothing left to sell
                await bench.place(wish)
            if chance.random() < 0.5:
                await bench.exchange.cancel("NEWUSDT", name)
            if not number:
                sys.stdout.write("trading\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(trade(sys.argv[1], int(sys.argv[2])))
