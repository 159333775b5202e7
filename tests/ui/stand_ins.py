"""What the tests of actions and panel share: a Temporal that remembers what it was asked, and plain requests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from pydantic import TypeAdapter
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.database import Database
from adapters.postgres.event_codec import kind_of
from adapters.postgres.read_models import (
    HaltLine,
    PricePoint,
    SessionDetail,
    SessionLine,
    TargetLine,
    TimelineItem,
)
from adapters.postgres.reader import Reader
from domain.commands import Receipt, StartSnipe
from domain.errors import InvalidInput, SniperError
from domain.events import Event
from domain.ids import ListingKey, SessionKey
from domain.listings import Listing
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side, position_of
from domain.session import Phase
from ui.actions import Actions
from ui.arm_request import ArmRequest
from ui.arming import Patience

NOW = datetime.now(UTC).replace(microsecond=0)
OPENING = NOW + timedelta(hours=1)
HASTE = Patience(named_s=0, judged_s=0)
"""Nobody is there to wait for."""


@dataclass
class StandInTemporal:
    """The part of a client that actions use. away: connecting fails. lost: the run does not exist. breaks: starts fail.
    refuses: every update.

    started: start by workflow id. updates: (workflow id, name, request), by update id.
    """

    away: bool = False
    lost: bool = False
    breaks: bool = False
    refuses: bool = False
    started: dict[str, StartSnipe] = field(default_factory=dict)
    starts: int = 0
    updates: dict[str, tuple[str, str, Any]] = field(default_factory=dict)

    async def connect(self) -> Client:
        if self.away:
            raise InvalidInput("TEMPORAL_ADDRESS", value="127.0.0.1:1", expected="a server", remedy="start one")
        return cast(Client, self)

    async def start_workflow(self, name: str, start: StartSnipe, **options: Any) -> None:
        self.starts += 1
        if self.breaks:
            raise RPCError("went away", RPCStatusCode.UNAVAILABLE, b"")
        if options["id"] in self.started:
            raise WorkflowAlreadyStartedError(options["id"], name)
        assert (name, options["task_queue"]) == ("Snipe", "control")
        self.started[options["id"]] = start

    def get_workflow_handle(self, workflow_id: str) -> "StandInHandle":
        return StandInHandle(self, workflow_id)


@dataclass
class StandInHandle:
    """A handle on one run."""

    temporal: StandInTemporal
    workflow_id: str

    async def execute_update(self, name: str, request: Any, **options: Any) -> Receipt:
        if self.temporal.lost:
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
        if self.temporal.refuses:
            raise WorkflowUpdateFailedError(ApplicationError("not now"))
        self.temporal.updates[options["id"]] = (self.workflow_id, name, request)
        return Receipt(request.request, "aborting")


@dataclass
class Installation:
    """Everything a test acts on."""

    database: Database
    reader: Reader
    temporal: StandInTemporal
    actions: Actions


def a_wish(**changes: Any) -> ArmRequest:
    """An ordinary request for NEWUSDT, taken though no source has named it."""
    usual: dict[str, Any] = {
        "symbol": "NEWUSDT",
        "opens_at": OPENING,
        "budget": Decimal(50),
        "max_price": Decimal("0.06"),
        "unlisted": True,
        "request": "wish-1",
    }
    return ArmRequest(**{**usual, **changes})


def a_line(**changes: Any) -> SessionLine:
    """A session of NEWUSDT that waits for its opening."""
    wish = a_wish()
    usual: dict[str, Any] = {
        "key": SessionKey("main", ListingKey("mexc", "NEW", "USDT"), 1),
        "symbol": "NEWUSDT",
        "phase": Phase.WAITING,
        "outcome": None,
        "reason": "",
        "opens_at": OPENING,
        "policy": wish.policy,
        "policy_revision": 0,
        "aborting": False,
        "halted": False,
        "workflow_id": "snipe/main/mexc:NEW:USDT/1",
        "target_id": 1,
        "coin_before": None,
        "entry_ended": False,
        "entry_result": "",
        "entry_reason": "",
        "attention": "",
        "reserved": Decimal(50),
        "spent": None,
        "received": None,
        "fees": None,
        "fee_coin": None,
        "result": None,
        "dust": None,
        "created_at": NOW,
        "updated_at": NOW,
        "closed_at": None,
    }
    return SessionLine(**{**usual, **changes})


def a_halt(**changes: Any) -> HaltLine:
    """Everything is halted."""
    usual: dict[str, Any] = {
        "id": 1,
        "scope": "everything",
        "scope_key": "",
        "verb": "halt",
        "reason": "odd prices",
        "at": NOW,
        "released_at": None,
        "request": "halt-1",
        "released_because": "",
    }
    return HaltLine(**{**usual, **changes})


def a_target(**changes: Any) -> TargetLine:
    """NEWUSDT is wanted as soon as a source names its opening."""
    usual: dict[str, Any] = {
        "id": 7,
        "account": "main",
        "listing": ListingKey("mexc", "NEW", "USDT"),
        "symbol": "NEWUSDT",
        "policy": a_wish().policy,
        "opens_at": None,
        "status": "waiting",
        "created_at": NOW,
    }
    return TargetLine(**{**usual, **changes})


def an_event(number: int, event: Event) -> TimelineItem:
    """One entry of a journal."""
    payload = TypeAdapter(type(event)).dump_python(event, mode="json")
    return TimelineItem(number, number, NOW, event.key, kind_of(event), payload)


def a_fill(side: Side = Side.BUY, **changes: Any) -> Fill:
    """800 NEW for 40 USDT, with a fee in quote."""
    usual: dict[str, Any] = {
        "trade_id": f"t-{side}",
        "order_id": f"o-{side}",
        "client_order_id": f"s-{side}",
        "symbol": "NEWUSDT",
        "side": side,
        "price": Price(Decimal("0.05")),
        "quantity": Base(Decimal(800)),
        "quote": Quote(Decimal(40)),
        "fee": Decimal("0.02"),
        "fee_asset": "USDT",
        "at": OPENING + timedelta(milliseconds=4),
    }
    return Fill(**{**usual, **changes})


def a_detail(line: SessionLine, *fills: Fill) -> SessionDetail:
    """A session with what it did."""
    orders = tuple(
        Order(
            order_id=fill.order_id,
            client_order_id=fill.client_order_id,
            symbol=fill.symbol,
            side=fill.side,
            kind=OrderKind.IMMEDIATE,
            price=fill.price,
            quantity=fill.quantity,
            executed=fill.quantity,
            executed_quote=fill.quote,
            status=OrderStatus.FILLED,
        )
        for fill in fills
    )
    return SessionDetail(line, position_of(fills, "NEW", "USDT"), (), orders, fills, None)


@dataclass
class StandInReader:
    """Answers from memory; `trouble` is raised instead while it is set."""

    details: list[SessionDetail] = field(default_factory=list)
    items: list[TimelineItem] = field(default_factory=list)
    waiting: list[TargetLine] = field(default_factory=list)
    holding: list[HaltLine] = field(default_factory=list)
    released: list[HaltLine] = field(default_factory=list)
    coming: list[Listing] = field(default_factory=list)
    seen: list[PricePoint] = field(default_factory=list)
    trouble: SniperError | None = None

    def sessions(self, *, limit: int = 50, account: str | None = None) -> tuple[SessionLine, ...]:
        self._stop_if_troubled()
        return tuple(detail.line for detail in self.details)[:limit]

    def session(self, key: SessionKey) -> SessionDetail | None:
        self._stop_if_troubled()
        return next((detail for detail in self.details if detail.line.key == key), None)

    def timeline(self, key: SessionKey, *, after: int = 0, limit: int = 200) -> tuple[TimelineItem, ...]:
        self._stop_if_troubled()
        return tuple(item for item in self.items if item.id > after)[:limit]

    def targets(self, *, limit: int = 50) -> tuple[TargetLine, ...]:
        self._stop_if_troubled()
        return tuple(self.waiting)

    def halts(self) -> tuple[HaltLine, ...]:
        self._stop_if_troubled()
        return tuple(self.holding)

    def past_halts(self, *, limit: int = 50) -> tuple[HaltLine, ...]:
        self._stop_if_troubled()
        return tuple(self.released)

    def upcoming(self, *, limit: int = 50) -> tuple[Listing, ...]:
        self._stop_if_troubled()
        return tuple(self.coming)

    def prices(self, key: SessionKey, *, points: int = 600) -> tuple[PricePoint, ...]:
        self._stop_if_troubled()
        return tuple(self.seen)

    def _stop_if_troubled(self) -> None:
        if self.trouble is not None:
            raise self.trouble
