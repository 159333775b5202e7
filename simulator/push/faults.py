"""Faults of streams: of whole connections at once, and of single data frames as they are pushed."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.occurrence import Occurrence, Waiting

Streams = Literal["private", "public", "all"]
Milliseconds = Annotated[int, Field(ge=0)]


class ConnectionParameters(BaseModel):
    """ms: how long. streams: connections with a listen key, without, or all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: Milliseconds = 0
    streams: Streams = "private"


class ConnectionMatch(BaseModel):
    """Whose connections; None: anybody's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str | None = None


class ConnectionFault(BaseModel):
    """One thing that happens to WebSocket connections, now.

    kind:
        ws_drop    the chosen connections are cut
        ws_silent  the chosen connections get no data for `ms`, though pings are answered
        ws_refuse  handshakes are answered 503 for `ms`; open connections go on
        ws_expire  the listen keys of the account (or of all) end, and their connections are closed
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ws_drop", "ws_silent", "ws_refuse", "ws_expire"]
    match: ConnectionMatch = ConnectionMatch()
    params: ConnectionParameters = ConnectionParameters()


class FrameMatch(BaseModel):
    """Which frames a fault hits. channel may hold the wildcards * and ?. account: of the listen key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str | None = None
    account: str | None = None

    def hits(self, channel: str, account: str | None) -> bool:
        """Whether a frame of `channel` to a connection of `account` (None: without a key) is meant."""
        return (self.channel is None or fnmatchcase(channel, self.channel)) and (
            self.account is None or account == self.account
        )


class FrameParameters(BaseModel):
    """ms: how late a delayed frame is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: Milliseconds = 0


class FrameFault(Occurrence):
    """One thing that goes wrong with data frames; control messages always pass. Counted per frame and connection.

    kind:
        frame_lose       it never comes: versions have a gap
        frame_duplicate  it comes twice
        frame_reorder    it comes after the next one
        frame_delay      it comes `ms` later; what follows may overtake it
        frame_garble     its bytes are wrong
    """

    kind: Literal["frame_lose", "frame_duplicate", "frame_reorder", "frame_delay", "frame_garble"]
    match: FrameMatch = FrameMatch()
    params: FrameParameters = FrameParameters()


class FrameFaultBook(Waiting[FrameFault]):
    """The faults that wait for their frames. One frame is hit by one fault: the oldest that matches."""

    def pick(self, channel: str, account: str | None) -> FrameFault | None:
        """The fault that hits this frame, counted as used."""
        return self.first(lambda fault: fault.match.hits(channel, account))

    def garbled(self, frame: bytes) -> bytes:
        """The frame with a tail of noise in place of its own: protobuf cannot read it."""
        kept = self.rng.randrange(len(frame) // 2)
        return frame[:kept] + b"\xff" * (len(frame) - kept)
