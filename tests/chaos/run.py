"""One run: a plan is carried out, everything is left to end, and the evidence is gathered."""

import heapq
import itertools
import queue
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from domain.events import PolicyChanged
from domain.ids import SessionKey
from domain.money import Price
from domain.policy import PolicyChange
from simulator.control.scenario import Scenario
from tests.chaos.evidence import Evidence, journal_side, refusals, venue_side
from tests.chaos.ground import Ground
from tests.chaos.life import Life
from tests.chaos.open_desk import CREDENTIALS
from tests.chaos.open_venue import ACCOUNT, OpenVenue
from tests.chaos.plan import Mishap, Plan, Worker
from tests.chaos.story import Story
from tests.chaos.surroundings import AnyLife, Breakage, LifeMaker, Surroundings
from tests.chaos.wire import Wire

_CALM_AFTER_S = 1.0
"""After everything that was planned: from then on a new worker, to which nothing happens, takes a dead one's place."""
_WATCHED_ON_S = 2.0
"""After the end: what somebody who woke late still does is seen."""
_TAKER_FEE = Decimal("0.0005")
_FIRE, _GUARD = Worker("fire-last"), Worker("guard-last", may_fire=False)


def carry_out(
    ground: Ground,
    plan: Plan,
    story: Story,
    *,
    breakage: Breakage = lambda kit: kit,
    make_life: LifeMaker = Life,
) -> Evidence:
    """Everything as planned; returns when nobody does anything any more."""
    listing = ground.new_listing(f"C{plan.seed}")
    key = SessionKey(ACCOUNT, listing, 1)
    symbol = f"{listing.coin}{listing.quote}"
    venue_began = ground.scale.wall() + plan.clock_offset_ms / 1000
    opens_at_ms = round((venue_began + plan.opens_in_s) * 1000)
    scenario = _scenario(plan, symbol, venue_began, opens_at_ms, ground.scale.scale)
    with OpenVenue.of(ground.venue_thread, ground.scale, scenario, plan.seed, Wire(plan.wire_faults)) as venue:
        opens_at = datetime.fromtimestamp(opens_at_ms / 1000, UTC)
        ground.admit(key, symbol, opens_at, plan.policy)
        story.opens_at = ground.scale.wall() + (opens_at_ms - venue.now_ms()) / 1000
        run = _Run(ground, plan, story, venue, key, breakage, make_life)
        ended = run.until_over()
        ground.store.set_clock(0.0)
        account = venue.ledger()
        requests = venue.requests()
    orders, fills = venue_side(account, symbol)
    journal, book = journal_side(ground.store.url, key)
    held = account["balances"].get(listing.coin, {"free": "0", "locked": "0"})
    return Evidence(
        budget=plan.policy.budget_quote,
        bound=_highest_bound(plan),
        taker_fee=_TAKER_FEE,
        coins_before=plan.coins_before,
        coins=Decimal(held["free"]) + Decimal(held["locked"]),
        orders=orders,
        fills=fills,
        refused_ms=refusals(requests),
        sent=tuple(venue.wire.sent),
        journal=journal,
        journal_book=book,
        ended=ended,
        broke=tuple(run.broke),
        scale=ground.scale.scale,
    )


class _Run:
    """The clock of a run: who begins and what happens when."""

    def __init__(
        self,
        ground: Ground,
        plan: Plan,
        story: Story,
        venue: OpenVenue,
        key: SessionKey,
        breakage: Breakage,
        make_life: LifeMaker,
    ) -> None:
        self._ground = ground
        self._scale = ground.scale
        self._plan = plan
        self._story = story
        self._venue = venue
        self._key = key
        self._opens_at = story.opens_at
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._told: queue.Queue[tuple[str, str, str]] = queue.Queue()
        self._lives: dict[str, AnyLife] = {}
        self._breakage = breakage
        self._make_life = make_life
        self._firing: list[AnyLife] = []
        self._guarding: list[AnyLife] = []
        self._entered = False
        self._calm = False
        self._over = False
        self.broke: list[str] = []

    def until_over(self) -> bool:
        """False: nobody came to the end of the session."""
        for worker in self._plan.workers:
            if worker.begins_at_an_instant:
                self._at(worker.begins_s, partial(self._begin, worker))
        for mishap in self._plan.mishaps:
            self._at(mishap.at_s, partial(self._strike, mishap))
        quiet_s = self._plan.over_s + _CALM_AFTER_S
        self._at(quiet_s, self._calm_down)
        given_up_s = quiet_s + self._plan.patience_s
        while not (self._over and self._seconds() > quiet_s) and self._seconds() < given_up_s:
            self._wait(given_up_s)
        ended = self._over
        if not ended:
            for life in self._lives.values():
                life.tell()
        watched_s = self._seconds() + _WATCHED_ON_S
        while self._seconds() < watched_s:
            self._wait(watched_s)
        for life in self._lives.values():
            life.end()
        return ended

    def _seconds(self) -> float:
        """From the opening."""
        return self._scale.wall() - self._opens_at

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (seconds, next(self._numbers), act))

    def _wait(self, until_s: float) -> None:
        """The next thing that is due or told."""
        due_s = min(until_s, self._due[0][0]) if self._due else until_s
        try:
            told = self._told.get(timeout=max(0.0, self._scale.real(due_s - self._seconds())))
        except queue.Empty:
            if self._due and self._due[0][0] <= self._seconds():
                heapq.heappop(self._due)[2]()
            return
        self._hear(*told)

    def _hear(self, worker: str, what: str, detail: str) -> None:
        self._story.note(f"{worker}: {what}", detail)
        if what == "flat":
            self._over = True
        elif what == "nothing" and not self._entered:
            self._entered = self._over = True
            _rest(self._firing)
        elif what == "bought" and not self._entered:
            self._entered = True
            _rest(self._firing)
            self._begin_guards()
        elif what == "broke":
            self.broke.append(f"{worker}: {detail}")
        elif what == "died":
            self._ask_somebody()
            for plan in self._plan.workers:
                if plan.follows == worker:
                    self._at(self._seconds() + plan.begins_s, partial(self._begin, plan))

    def _begin_guards(self) -> None:
        for plan in self._plan.workers:
            if not plan.may_fire and not plan.resumes:
                self._at(self._seconds() + plan.begins_s, partial(self._begin, plan))
        self._ask_somebody()

    def _ask_somebody(self) -> None:
        """Temporal's next attempt goes to whoever lives; when nothing goes wrong any more, to a new worker at last."""
        living = [life for life in (self._guarding if self._entered else self._firing) if not life.dead]
        if living:
            living[-1].ask()
        elif self._calm and not self._over and not self._expected():
            self._begin(_GUARD if self._entered else _FIRE)

    def _begin(self, worker: Worker) -> None:
        if worker.name in self._lives:
            return
        self._story.note(f"{worker.name} begins")
        locks = self._ground.home / ("locks" if self._plan.one_folder else f"locks-{worker.name}")
        around = Surroundings(
            self._scale,
            self._venue,
            self._ground.store.url,
            locks,
            self._key,
            lambda *told: self._told.put(told),
            self._breakage,
        )
        colleagues = self._firing if worker.may_fire else self._guarding
        _rest(colleagues)  # Temporal asks one at a time; their desks live on
        life = self._lives[worker.name] = self._make_life(around, worker)
        colleagues.append(life)
        life.begin()
        if worker.resumes:
            self._entered = True
        if self._entered:
            _rest(self._firing)

    def _expected(self) -> bool:
        """Whether a planned guard still begins."""
        return self._entered and any(
            not plan.may_fire and not plan.resumes and plan.name not in self._lives for plan in self._plan.workers
        )

    def _calm_down(self) -> None:
        self._calm = True
        self._ask_somebody()

    def _strike(self, mishap: Mishap) -> None:
        self._story.note(mishap.kind, f"{mishap.worker or 'everybody'} for {mishap.for_s} s")
        store, back_s = self._ground.store, self._seconds() + mishap.for_s
        match mishap.kind:
            case "cheaper":
                change = PolicyChange(max_price=self._cheaper())
                self._ground.note(self._key, PolicyChanged(change.applied_to(self._plan.policy), 1, "cheaper"))
            case "store_away":
                store.go_away()
                self._at(back_s, store.come_back)
            case "store_frozen":
                store.freeze()
                self._at(back_s, store.thaw)
            case "store_breaks":
                store.break_connections()
            case "store_clock":
                store.set_clock(mishap.sets_s)
            case "venue_stalls":
                self._venue.stall(mishap.for_s)
            case "connections_break":
                self._venue.cut()
            case _:
                self._strike_one(mishap)

    def _strike_one(self, mishap: Mishap) -> None:
        """The named worker, or, where none is named, the first that lives."""
        for name, life in self._lives.items():
            if mishap.worker in ("", name) and not life.dead:
                life.strike(mishap)
                return

    def _cheaper(self) -> Price:
        given = self._plan.policy.entry.max_price
        return Price((given or Decimal("0.06")) * Decimal("0.95"))


def _rest(lives: list[AnyLife]) -> None:
    for life in lives:
        life.rest()


def _scenario(plan: Plan, symbol: str, began: float, opens_at_ms: int, scale: float) -> Scenario:
    coin = symbol.removesuffix("USDT")
    balances = {"USDT": str(plan.quote_free), coin: str(plan.coins_before)}
    account = {
        "name": ACCOUNT,
        "api_key": CREDENTIALS.api_key,
        "secret": CREDENTIALS.api_secret,
        "balances": balances,
    }
    timeline: list[dict[str, Any]] = [
        {"at": opens_at_ms + round(at_s * 1000), "do": {"act": "fault", "fault": _scaled(fault, scale)}}
        for at_s, fault in plan.timed
    ]
    return Scenario.model_validate(
        {
            "clock": {"start_ms": round(began * 1000), "scale": scale, "drift_ppm": plan.drift_ppm},
            "settings": plan.settings,
            "accounts": [account],
            "listings": [{"symbol": symbol, "opens_at": opens_at_ms, "script": plan.script}],
            "faults": plan.faults,
            "timeline": timeline,
        }
    )


def _scaled(fault: dict[str, Any], scale: float) -> dict[str, Any]:
    """The simulator counts how long streams are silent or refused on the machine's clock, which is not scaled."""
    if fault["kind"] not in ("ws_silent", "ws_refuse"):
        return fault
    return {**fault, "params": {**fault["params"], "ms": max(1, round(fault["params"]["ms"] / scale))}}


def _highest_bound(plan: Plan) -> Decimal | None:
    given = plan.policy.entry.max_price
    if given is None:
        return None
    return max(given, plan.policy.entry.late_max_price or given)
