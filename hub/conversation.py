"""The rules of one WebSocket, with bounds on what a peer can make it do."""

from __future__ import annotations

import logging
from typing import Protocol

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from hub.settings import Settings

log = logging.getLogger("barcast.transport")


class Openable(Protocol):
    """Something that may be written to while it is open."""

    open: bool


class TooManyFragments(PayloadTooBig):
    """A message in more pieces than `settings.message_fragments`; the socket closes with 1009."""

    def __init__(self, limit: int) -> None:
        super().__init__(None, limit)
        self.message = f"message of more than {limit} fragments"


class Conversation(ServerProtocol):
    """The rules of one WebSocket (RFC 6455), with bounds on what a peer can make it do.

    Args:
        settings: limits of a message.
        outlet: told when frames may be written and when not any more.

    Attributes:
        bytes_out: what it has had sent: handshake, pings, pongs, close frames, plain messages.
        withhold_pongs: keep the answer to pings for later; they would pile up before a peer that reads nothing.
    """

    def __init__(self, settings: Settings, outlet: Openable) -> None:
        self._outlet = outlet
        super().__init__(max_size=settings.message_bytes, logger=log)
        self.debug = False  # its debug lines hold the query string and all headers, tokens too
        self.bytes_out = 0
        self.withhold_pongs = False
        self._limit = settings.message_fragments
        self._fragments = 0
        self._owed_pong: bytes | None = None

    @property
    def state(self) -> State:
        """Of RFC 6455, 7.1; the outlet is open exactly while this is."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        self._outlet.open = state is State.OPEN

    def recv_frame(self, frame: WebSocketFrame) -> None:
        """Count a message's fragments while parsing, so that a flood of empty ones ends in the middle."""
        if frame.opcode is Opcode.CONT:
            self._fragments += 1
            if self._fragments > self._limit:
                raise TooManyFragments(self._limit)
        elif frame.opcode is Opcode.PING and self.withhold_pongs:
            self._owed_pong = bytes(frame.data)
            return
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._fragments = 1
        super().recv_frame(frame)

    def release_pong(self) -> None:
        """Answer the newest of the pings that were withheld; one answer is enough (RFC 6455, 5.5.3)."""
        self.withhold_pongs = False
        if self._owed_pong is not None and self.state is State.OPEN:
            self.send_pong(self._owed_pong)
        self._owed_pong = None

    def data_to_send(self) -> list[bytes]:
        """What is to be written now; counted."""
        writes = super().data_to_send()
        self.bytes_out += sum(map(len, writes))
        return writes
