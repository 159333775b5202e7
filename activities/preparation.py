"""Before a session may arm: admission, rules, balance, risk and the reservation of its budget."""

from dataclasses import dataclass

from temporalio import activity

from domain import ages
from domain.checks import Check, reasons_of
from domain.commands import NewSession, Prepared, StartSnipe
from domain.errors import AccessDenied, InvalidInput
from domain.events import PhaseEntered, RiskApproved, RiskRejected
from domain.ids import SessionKey, check_own_account, split_symbol
from domain.money import Quote, plain
from domain.ports import Exchange, ExchangeClock, Sessions, SessionStore
from domain.risk import RiskSnapshot, assess
from domain.session import Phase, SessionRecord, past_arming


@dataclass(frozen=True)
class PreparationActivities:
    """account: the one of this installation. Another one would buy with the same key, past the limits of this one."""

    account: str
    exchange: Exchange
    exchange_clock: ExchangeClock
    sessions: Sessions
    store: SessionStore

    @activity.defn
    async def prepare_session(self, start: StartSnipe) -> Prepared:
        """Approve with the budget reserved, or reject with every reason. Safe to run twice: the row decides."""
        record = await self.sessions.admit(NewSession(start, activity.info().workflow_id or ""))
        if record.phase is Phase.CLOSED:
            return Prepared("closed", (await self._why_closed(start.key),))
        if (going_on := _going_on(record)) is not None:
            return going_on
        await self.store.append(start.key, (PhaseEntered(Phase.PREPARING),))
        if record.aborting:
            return await self._reject(start.key, ("aborted: somebody stopped the session before it was armed",))
        try:
            check_own_account(start.key.account, self.account)
            _, quote_asset = split_symbol(start.symbol)
        except InvalidInput as error:
            return await self._reject(start.key, (str(error),))
        try:
            seen = await self._look(start, record, quote_asset)
        except AccessDenied as error:
            return await self._reject(start.key, (f"venue: {error}; check MEXC_API_KEY and MEXC_API_SECRET",))
        checks = assess(start, seen)
        if reasons := reasons_of(checks):
            return await self._reject(start.key, reasons, checks)
        return await self._reserve(start, quote_asset, record.policy_revision, checks)

    async def _why_closed(self, key: SessionKey) -> str:
        following = await self.sessions.next_attempt(key.account, key.listing)
        return (
            f"session: got {str(key)!r}, which is closed, expected one that is new or open; take attempt {following}, "
            "in the workflow id too"
        )

    async def _look(self, start: StartSnipe, record: SessionRecord, quote_asset: str) -> RiskSnapshot:
        if self.exchange_clock.estimate() is None:
            await self.exchange_clock.synchronise()
        return RiskSnapshot(
            rules=await self.exchange.rules(start.symbol, ages.rules_s(start.opens_at, self.exchange_clock.now())),
            quote_asset=quote_asset,
            free_quote=Quote((await self.exchange.balance(quote_asset, ages.ACCOUNT_S)).free),
            open_sessions=await self.sessions.open_count(start.key.account, besides=start.key),
            halted=record.halted,
            now=self.exchange_clock.now(),
        )

    async def _reserve(self, start: StartSnipe, quote_asset: str, revision: int, checks: tuple[Check, ...]) -> Prepared:
        amount = start.policy.budget_quote
        free = Quote((await self.exchange.balance(quote_asset)).free)
        unreserved = await self.sessions.reserve(start.key, amount, free)
        found = f"{plain(unreserved)} {quote_asset} beside the reservations of other sessions"
        if unreserved < amount:
            reason = (
                f"funds: needs {plain(amount)} {quote_asset}, has {found}; lower the budget or wait for one to close"
            )
            return await self._reject(start.key, (reason,), (*checks, Check("reservation", found, reason)))
        await self.store.append(
            start.key,
            (RiskApproved(amount, amount, (*checks, Check("reservation", found))), PhaseEntered(Phase.WAITING)),
        )
        return Prepared("approved", revision=revision)

    async def _reject(self, key: SessionKey, reasons: tuple[str, ...], checks: tuple[Check, ...] = ()) -> Prepared:
        """Unless a desk has begun meanwhile, as one may whose run was lost: it may have spent what is missed here."""
        record = await self.store.load(key)
        if record is not None and (going_on := _going_on(record)) is not None:
            return going_on
        await self.store.append(key, (RiskRejected(reasons, checks),))
        return Prepared("rejected", reasons)


def _going_on(record: SessionRecord) -> Prepared | None:
    """The answer for a session that an earlier run brought further than waiting; None: it has to be judged.

    While it arms it was judged and its budget is set aside: the run attaches to its desk, or the next desk arms it
    anew. Weighed again it might fail for what its own desk has just spent.
    """
    if record.phase is Phase.CLOSED:
        return Prepared("closed")
    if past_arming(record.phase):
        return Prepared("resume", revision=record.policy_revision)
    return Prepared("approved", revision=record.policy_revision) if record.phase is Phase.ARMING else None
