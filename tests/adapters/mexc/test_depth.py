"""A followed book is the venue's book, or there is none: checked against the plainest telling of the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mexc import members, parse
from adapters.mexc.depth import Depth, DepthChange, DepthSnapshot, Heard, Offers
from domain.money import Base, Price
from domain.order_book import Level, OrderBook

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 1000
BIDS = range(1, 21)
ASKS = range(21, 41)


def offers(*pairs: tuple[int, int]) -> Offers:
    return tuple((Price(Decimal(price)), Base(Decimal(quantity))) for price, quantity in pairs)


def change(first: int, last: int, bids: Offers = (), asks: Offers = (), at: datetime = NOW) -> DepthChange:
    return DepthChange("NEWUSDT", first, last, bids, asks, at)


@dataclass
class Venue:
    """Keeps a dict per side, and the book of every version it ever had."""

    bids: dict[int, int] = field(default_factory=lambda: {10: 1, 9: 2})
    asks: dict[int, int] = field(default_factory=lambda: {30: 1})
    version: int = 100
    past: dict[int, tuple[tuple[Level, ...], tuple[Level, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keep()

    def move(self, moves: Sequence[tuple[int, int]]) -> DepthChange:
        """Each (price, quantity) is one version; together they are one change."""
        first = self.version + 1
        touched: set[int] = set()
        for price, quantity in moves:
            self.version += 1
            touched.add(price)
            side = self.bids if price in BIDS else self.asks
            side[price] = quantity
            if not quantity:
                del side[price]
            self._keep()
        return change(
            first,
            self.version,
            offers(*((price, self.bids.get(price, 0)) for price in touched if price in BIDS)),
            offers(*((price, self.asks.get(price, 0)) for price in touched if price in ASKS)),
        )

    def snapshot(self) -> DepthSnapshot:
        return DepthSnapshot(self.version, offers(*self.bids.items()), offers(*self.asks.items()), LIMIT, NOW)

    def _keep(self) -> None:
        bids = tuple(Level(*offer) for offer in offers(*sorted(self.bids.items(), reverse=True)))
        asks = tuple(Level(*offer) for offer in offers(*sorted(self.asks.items())))
        self.past[self.version] = (bids, asks)

    def agrees(self, book: OrderBook | None) -> bool:
        return book is not None and (book.bids, book.asks) == self.past[book.version]


moves = st.lists(st.tuples(st.sampled_from([*BIDS, *ASKS]), st.integers(0, 3)), min_size=1, max_size=4)


def in_step(venue: Venue) -> Depth:
    depth = Depth("NEWUSDT")
    assert depth.begin(venue.snapshot())
    return depth


@given(st.lists(moves, max_size=12), st.lists(moves, max_size=12), st.lists(moves, max_size=12))
def test_any_changes_around_a_snapshot_make_the_book_of_the_venue(
    early: list[list[tuple[int, int]]], between: list[list[tuple[int, int]]], late: list[list[tuple[int, int]]]
) -> None:
    """Wherever the snapshot lies among the changes heard before it is there, every book afterwards is right."""
    venue, depth = Venue(), Depth("NEWUSDT")
    heard = [depth.hear(venue.move(step)) for step in early]
    snapshot = venue.snapshot()
    heard += [depth.hear(venue.move(step)) for step in between]

    assert set(heard) <= {Heard.WAITING}
    assert depth.book() is None
    assert depth.begin(snapshot)
    assert venue.agrees(depth.book())
    for step in late:
        assert depth.hear(venue.move(step)) is Heard.APPLIED
        assert venue.agrees(depth.book())
    book = depth.book()
    assert book is not None
    assert book.version == venue.version


@settings(max_examples=300)
@given(st.lists(st.tuples(moves, st.sampled_from(["pass", "drop", "twice", "swap"]), st.booleans()), max_size=30))
def test_what_is_lost_doubled_or_late_never_makes_a_wrong_book(
    story: list[tuple[list[tuple[int, int]], str, bool]],
) -> None:
    """Each book told is one the venue had; a hole is noticed at the next change at the latest, and a snapshot heals."""
    venue = Venue()
    depth = in_step(venue)
    held: DepthChange | None = None

    def hear(one: DepthChange) -> None:
        before = depth.book()
        heard = depth.hear(one)
        if before is not None:
            assert (heard is Heard.BROKEN) == (one.first > before.version + 1)
        assert depth.book() is None or venue.agrees(depth.book())

    for step, fate, asked in story:
        one = venue.move(step)
        if fate == "drop":
            continue
        if fate == "swap" and held is None:
            held = one
            continue
        hear(one)
        if fate == "twice":
            hear(one)
        if held is not None:
            late, held = held, None
            hear(late)
        if asked and depth.version is None:
            assert depth.begin(venue.snapshot())
            assert venue.agrees(depth.book())
    last = venue.move([(10, 3)])
    hear(last)

    if depth.version is None:
        assert depth.begin(venue.snapshot())
    assert depth.version == last.last
    assert venue.agrees(depth.book())


@given(st.lists(moves, min_size=2, max_size=12), st.data())
def test_two_connections_with_other_windows_make_one_book(
    steps: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """While one connection replaces the other, both tell the same changes, cut at other versions."""
    venue = Venue()
    depth = in_step(venue)
    for step in steps:
        before = replace(venue, bids=dict(venue.bids), asks=dict(venue.asks), past=dict(venue.past))
        one = venue.move(step)
        part = data.draw(st.integers(1, len(step)))
        other = before.move(step[:part])
        for told in data.draw(st.permutations([one, other])):
            assert depth.hear(told) in (Heard.APPLIED, Heard.KNOWN)
            assert venue.agrees(depth.book())


def test_a_snapshot_older_than_the_changes_heard_is_refused() -> None:
    """What happened between them would be missing for ever."""
    venue, depth = Venue(), Depth("NEWUSDT")
    old = venue.snapshot()
    venue.move([(10, 5)])
    depth.hear(venue.move([(11, 5)]))

    assert not depth.begin(old)
    assert depth.book() is None
    assert depth.begin(venue.snapshot())
    assert venue.agrees(depth.book())


def test_a_change_may_begin_right_after_the_snapshot() -> None:
    """Nothing lies between version 100 and a change from 101."""
    venue, depth = Venue(), Depth("NEWUSDT")
    snapshot = venue.snapshot()
    depth.hear(venue.move([(10, 5)]))

    assert depth.begin(snapshot)
    assert venue.agrees(depth.book())


def test_a_hole_among_waiting_changes_needs_a_snapshot_beyond_it() -> None:
    """The changes before the hole are of no use."""
    venue, depth = Venue(), Depth("NEWUSDT")
    depth.hear(venue.move([(10, 5)]))
    snapshot = venue.snapshot()
    venue.move([(10, 6)])
    depth.hear(venue.move([(11, 5)]))

    assert not depth.begin(snapshot)


def test_sides_are_sorted_best_first_and_hold_decimals_as_they_came() -> None:
    """Also when a snapshot tells them in another order, and 1.10 replaces 1.1."""
    depth = Depth("NEWUSDT")
    depth.begin(DepthSnapshot(7, offers((1, 1), (3, 1), (2, 1)), offers((9, 1), (8, 1)), LIMIT, NOW))
    new = (Price(Decimal("3.0")), Base(Decimal("2.50")))
    depth.hear(change(8, 8, bids=(new,)))
    book = depth.book()

    assert book is not None
    assert [level.price for level in book.bids] == [3, 2, 1]
    assert [level.price for level in book.asks] == [8, 9]
    assert str(book.bids[0].quantity) == "2.50"
    assert book is depth.book()


def test_a_side_that_was_cut_off_is_told_as_far_as_it_is_known() -> None:
    """Beyond the last level of a full snapshot others are there that nobody told, so that one alone would mislead."""
    depth = Depth("NEWUSDT")
    depth.begin(DepthSnapshot(7, offers((9, 1), (8, 1)), offers((10, 1)), 2, NOW))
    depth.hear(change(8, 8, bids=offers((5, 4)), asks=offers((15, 4))))
    book = depth.book()

    assert book is not None
    assert [level.price for level in book.bids] == [9, 8]
    assert [level.price for level in book.asks] == [10, 15]


def test_a_cut_off_side_that_is_used_up_is_fetched_anew() -> None:
    """An empty side would say that nobody bids; a side that was whole may be empty."""
    depth = Depth("NEWUSDT")
    depth.begin(DepthSnapshot(7, offers((9, 1), (8, 1)), offers((10, 1)), 2, NOW))

    assert depth.hear(change(8, 8, asks=offers((10, 0)))) is Heard.APPLIED
    assert depth.hear(change(9, 9, bids=offers((9, 0)))) is Heard.APPLIED
    assert depth.hear(change(10, 10, bids=offers((8, 0)))) is Heard.SPENT
    assert depth.book() is None


@pytest.mark.parametrize("versions", [(103, 104), (102, 102)])
def test_a_missing_version_ends_the_book(versions: tuple[int, int]) -> None:
    """And what comes after the hole waits for the snapshot that bridges it."""
    venue = Venue()
    depth = in_step(venue)

    assert depth.hear(change(*versions)) is Heard.BROKEN
    assert depth.book() is None
    assert not depth.begin(DepthSnapshot(100, (), (), LIMIT, NOW))
    assert depth.begin(DepthSnapshot(versions[0] - 1, (), (), LIMIT, NOW))


def test_a_snapshot_is_read_as_the_venue_tells_it() -> None:
    """Prices and quantities in quotes, a version without."""
    document = {"lastUpdateId": 12, "bids": [["1.10", "5"], ["1.0", "0.50"]], "asks": []}
    snapshot = parse.depth(document, "NEWUSDT", 1000, NOW)

    bids = ((Price(Decimal("1.10")), Base(Decimal(5))), (Price(Decimal("1.0")), Base(Decimal("0.50"))))
    assert snapshot == DepthSnapshot(12, bids, (), 1000, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"lastUpdateId": None},
        {"lastUpdateId": "12"},
        {"lastUpdateId": True},
        {"lastUpdateId": -1},
        {"bids": None},
        {"bids": [["1.10"]]},
        {"bids": [[1.1, 5]]},
        {"asks": [["0", "5"]]},
        {"asks": [["1", "-5"]]},
    ],
)
def test_a_snapshot_is_not_guessed(changed: dict[str, object]) -> None:
    """A book with a wrong level would be told as whole."""
    document = {"lastUpdateId": 12, "bids": [], "asks": []}

    with pytest.raises(members.Unreadable):
        parse.depth({**document, **changed}, "NEWUSDT", 1000, NOW)
