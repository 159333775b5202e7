"""How often something that was armed happens: exactly, regularly, or by chance."""

import random
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0)]


class Occurrence(BaseModel):
    """When a fault hits, among the things it matches. Without any of these it hits once.

    after: how many matches pass first. times: how many hits until it is spent. every: hit only each so-manieth match.
    probability: the chance of each match, until it is cleared or `times` hits are spent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    after: Count = 0
    every: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _regular_or_by_chance(self) -> "Occurrence":
        if self.probability is not None and self.every > 1:
            raise ValueError("give every or probability, not both")
        return self

    @property
    def hits(self) -> int | None:
        """How many hits until it is spent; None: without end."""
        if self.times is not None:
            return self.times
        return None if self.probability is not None or self.every > 1 else 1


class Armed:
    """One fault that waits. left: hits until it is spent; None: without end. seen: matches so far."""

    def __init__(self, occurrence: Occurrence) -> None:
        self.left = occurrence.hits
        self.seen = 0
        self._occurrence = occurrence

    @property
    def spent(self) -> bool:
        """Whether it will never hit again."""
        return self.left == 0

    def strikes(self, rng: random.Random) -> bool:
        """Note one match; whether this one is hit."""
        self.seen += 1
        counted = self.seen - self._occurrence.after
        if self.spent or counted < 1 or counted % self._occurrence.every:
            return False
        if self._occurrence.probability is not None and rng.random() >= self._occurrence.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True


Fault = TypeVar("Fault", bound=Occurrence)


class Waiting(Generic[Fault]):
    """Faults that wait for what they match, the oldest first."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._armed: list[tuple[Fault, Armed]] = []

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self._armed.append((fault, Armed(fault)))

    def clear(self) -> None:
        """Disarm everything."""
        self._armed.clear()

    def describe(self) -> list[dict[str, Any]]:
        """What is armed, with the hits still to come; null: without end."""
        return [{**fault.model_dump(mode="json"), "left": armed.left} for fault, armed in self._armed]

    def first(self, hits: Callable[[Fault], bool]) -> Fault | None:
        """The oldest fault that is meant and whose turn it is, counted as used; those before it have let it pass."""
        for entry in self._armed:
            fault, armed = entry
            if hits(fault) and armed.strikes(self.rng):
                if armed.spent:
                    self._armed.remove(entry)
                return fault
        return None
