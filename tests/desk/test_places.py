"""Sessions over the real request budget of a fire worker without Redis: first shots leave at the opening."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.mexc.breakers import Breakers
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Priority, alone
from adapters.mexc.places import Place, Places
from domain.errors import BudgetUsedUp
from domain.policy import EntryStrategy
from domain.ports import HotLine, SignedOrder
from tests.desk.entries import a_floor, after_opening, buys
from tests.desk.floor import Floor
from tests.fakes import FakeBattery, FakeHotLines, FakeLaunchpad


class GovernedBattery(FakeBattery):
    """Lines that always stand, and places as they are. ping_s: what a line that was idle is asked first takes."""

    def __init__(self, lines: int, lines_of: FakeHotLines, places: Places, ping_s: float) -> None:
        super().__init__(lines, lines_of._exchange)
        self._taken = places
        self._on: dict[int, Place] = {}
        self._ping_s = ping_s

    async def load(self, order: SignedOrder) -> HotLine:
        await asyncio.sleep(self._ping_s)
        place = await self._taken.first(Priority.ENTRY)
        line = await super().load(order)
        self._on[line.number] = place
        return line

    def reload(self, order: SignedOrder, line: HotLine) -> HotLine:
        place = self._taken.next()
        if place is None:
            raise BudgetUsedUp("no place in the request budget was taken ahead")
        carrier = super().reload(order, line)
        self._used(line)
        self._on[carrier.number] = place
        return carrier

    def give_back(self, line: HotLine) -> None:
        super().give_back(line)
        self._used(line)

    async def restock(self, *, shots: bool) -> None:
        await self._taken.restock(shots=shots)

    async def close(self) -> None:
        await super().close()
        await self._taken.close()

    def _used(self, line: HotLine) -> None:
        if (place := self._on.pop(line.number, None)) is not None:
            place.grant.sent()
            place.give_up()


@pytest.fixture
def govern(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RequestGovernor]:
    """Makes the floors share one process' budget, and the launchpad tell of every flight that begins."""
    fly = FakeLaunchpad.fly

    async def fly_told(launchpad: FakeLaunchpad, flight: Any, told: Callable[[], None]) -> None:
        told()
        await fly(launchpad, flight, told)

    def govern(*floors: Floor, slow: Floor | None = None, ping_s: float = 0.0) -> RequestGovernor:
        clock = floors[0].clock
        governor, breakers, every = RequestGovernor(clock, alone("fire")), Breakers(clock), list[Places]()

        async def opened(lines_of: FakeHotLines, lines: int) -> FakeBattery:
            late_s = ping_s if slow is not None and lines_of is slow.lines else 0.0
            battery = GovernedBattery(lines, lines_of, Places(clock, governor, breakers, every), late_s)
            lines_of.opened.append(battery)
            return battery

        monkeypatch.setattr(FakeHotLines, "open", opened)
        return governor

    monkeypatch.setattr(FakeLaunchpad, "fly", fly_told)
    return govern


@pytest.mark.parametrize("shots", [3, 4, 5])
async def test_every_lane_of_a_burst_shoots_at_the_opening(shots: int, govern: Callable[..., RequestGovernor]) -> None:
    """Also the last one, which is loaded when places for further shots of the others have been taken already."""
    floor = a_floor(strategy=EntryStrategy.BURST, burst_shots=shots, time_stop_s=30)
    govern(floor)
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    at = [after_opening(floor, order) for order in buys(floor)]
    assert len(at) == shots
    assert max(at) < 1.0


@pytest.mark.parametrize("ping_s", [0.0, 0.05])
async def test_three_sessions_with_one_opening_all_shoot_at_it(
    ping_s: float, govern: Callable[..., RequestGovernor]
) -> None:
    """Also the one whose line has to be asked first, so that the others take places ahead before it has one."""
    floors = [a_floor(time_stop_s=30) for _ in range(3)]
    govern(*floors, slow=floors[2], ping_s=ping_s)
    desks = [floor.desk() for floor in floors]

    await asyncio.gather(*(floor.trade(desk) for floor, desk in zip(floors, desks, strict=True)))
    for desk in desks:
        await desk.close()

    first = [min(after_opening(floor, order) for order in buys(floor)) for floor in floors]
    assert max(first) < 1.0


@pytest.mark.parametrize(("lanes", "refused"), [(5, 5), (1, 1)])
async def test_a_lane_without_a_place_before_the_opening_still_shoots_at_it(
    lanes: int, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget says when room appears at the latest; the venue asked for no rest."""
    burst: dict[str, Any] = {"strategy": EntryStrategy.BURST, "burst_shots": lanes} if lanes > 1 else {}
    floor = a_floor(**burst, time_stop_s=30)
    load, loads = FakeBattery.load, 0

    async def load_refused_once(battery: FakeBattery, order: SignedOrder) -> HotLine:
        nonlocal loads
        loads += 1
        if loads == refused:
            raise BudgetUsedUp("request budget used up for 11.601 s; nothing was sent", retry_after_s=11.601)
        return await load(battery, order)

    monkeypatch.setattr(FakeBattery, "load", load_refused_once)
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    at = [after_opening(floor, order) for order in buys(floor)]
    assert len(at) == lanes
    assert max(at) < 1.0
