"""Do the venue's books and ours say the same? A pure comparison, to the last unit; every difference is one line."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from domain.ids import split_symbol
from domain.money import plain

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """One order as one side has it. executed: base units. executed_quote: quote, before fees. status: our words."""

    client_order_id: str
    symbol: str
    side: str
    executed: Decimal
    executed_quote: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class BookedFill:
    """One execution as one side has it. fee: in `fee_asset`."""

    trade_id: str
    client_order_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str


@dataclass(frozen=True, slots=True)
class Book:
    """Orders and fills of one session on one side."""

    orders: tuple[BookedOrder, ...] = ()
    fills: tuple[BookedFill, ...] = ()


def book_differences(venue: Book, journal: Book) -> list[str]:
    """Everything in which the two sides differ about orders and fills; empty: they agree.

    Also what one side alone can show: a final order's fills that do not sum to what it executed.
    """
    found = [
        *_compared("order", _by_name(venue.orders), _by_name(journal.orders)),
        *_compared("fill", _by_trade(venue.fills), _by_trade(journal.fills)),
    ]
    for side, book in (("venue", venue), ("journal", journal)):
        found += _unlike_their_fills(side, book)
        found += _repeated(side, "order", [order.client_order_id for order in book.orders])
        found += _repeated(side, "fill", [fill.trade_id for fill in book.fills])
    return found


def balance_differences(
    before: Mapping[str, Decimal], after: Mapping[str, Decimal], fills: Iterable[BookedFill]
) -> list[str]:
    """Where balances (free and locked together, by asset) did not move by what `fills` moved.

    fills: all of the account between the two looks.
    """
    moved = movements(fills)
    found = []
    for asset in sorted({*before, *after, *moved}):
        change = after.get(asset, NOTHING) - before.get(asset, NOTHING)
        expected = moved.get(asset, NOTHING)
        if change != expected:
            found.append(
                f"balance of {asset}: changed by {plain(change)} at the venue, the fills explain {plain(expected)}"
            )
    return found


def movements(fills: Iterable[BookedFill]) -> dict[str, Decimal]:
    """What fills change on an account, by asset, fees included."""
    moved: dict[str, Decimal] = {}

    def add(asset: str, amount: Decimal) -> None:
        moved[asset] = moved.get(asset, NOTHING) + amount

    for fill in fills:
        base, quote = split_symbol(fill.symbol)
        sign = 1 if fill.side == "buy" else -1
        add(base, sign * fill.quantity)
        add(quote, -sign * fill.quote)
        add(fill.fee_asset, -fill.fee)
    return moved


def _by_name(orders: Iterable[BookedOrder]) -> dict[str, BookedOrder]:
    return {order.client_order_id: order for order in orders}


def _by_trade(fills: Iterable[BookedFill]) -> dict[str, BookedFill]:
    return {fill.trade_id: fill for fill in fills}


def _compared(
    what: str, venue: Mapping[str, BookedOrder | BookedFill], journal: Mapping[str, BookedOrder | BookedFill]
) -> Iterator[str]:
    for name in sorted({*venue, *journal}):
        theirs, ours = venue.get(name), journal.get(name)
        if theirs is None:
            yield f"{what} {name}: the journal knows it, the venue does not"
        elif ours is None:
            yield f"{what} {name}: the venue knows it, the journal does not"
        else:
            for field in fields(theirs):
                at_venue, in_journal = getattr(theirs, field.name), getattr(ours, field.name)
                if at_venue != in_journal:
                    sides = f"{_shown(at_venue)} at the venue, {_shown(in_journal)} in the journal"
                    yield f"{what} {name}: {field.name.replace('_', ' ')} is {sides}"


def _unlike_their_fills(side: str, book: Book) -> Iterator[str]:
    for order in book.orders:
        summed = sum((fill.quantity for fill in book.fills if fill.client_order_id == order.client_order_id), NOTHING)
        if summed != order.executed:
            yield (
                f"order {order.client_order_id}: executed {plain(order.executed)}, but its fills in the {side}'s book "
                f"sum to {plain(summed)}"
            )


def _repeated(side: str, what: str, names: list[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{what} {name}: written {names.count(name)} times in the {side}'s book"


def _shown(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
