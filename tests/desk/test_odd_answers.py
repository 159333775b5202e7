"""An answer that trips its reader up leaves the order's outcome unknown, and the desk learns it."""

import pytest

from domain.events import LeaseTaken, ShotAnswered
from domain.orders import Side
from domain.ports import Ack
from tests.builders import a_record
from tests.desk.floor import Floor
from tests.fakes import FakeHotLine


async def test_an_order_whose_answer_trips_its_reader_up_is_learnt_and_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same term, without another order; what went wrong stands in the flight record."""
    hear = FakeHotLine.hear

    def trips_up(line: FakeHotLine) -> Ack | None:
        if hear(line) is not None:
            raise ValueError("year 56002 is out of range")
        return None

    monkeypatch.setattr(FakeHotLine, "hear", trips_up)
    floor = Floor(a_record())
    desk = floor.desk()

    entry, guard = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert guard.flat
    assert len([request for request in floor.exchange.sent if request.side is Side.BUY]) == 1
    assert len(floor.store.of(LeaseTaken)) == 1
    answered = floor.store.of(ShotAnswered)[0]
    assert answered.answer == "unknown"
    assert "ValueError('year 56002 is out of range')" in answered.text
    assert floor.complaints() == []
