"""A crowd of viewers in a process of its own: raw sockets that read and throw away.

    crowd.py PORT COUNT PATH [TEXT]  (once for each group: groups are separated by `+`)

Every socket asks for the WebSocket at PATH, offering compression as browsers do, says TEXT once it is
open, and from then on only reads. The crowd writes one line to standard output when all are open. Once
standard input has a line, it counts frames, and writes one byte, the group's number, each time as many
have come as a group has viewers; without one it only reads. It ends with standard input.
"""

from __future__ import annotations

import base64
import os
import resource
import selectors
import socket
import sys

SCRAP = bytearray(256 * 1024)  # where everything read ends
OFFER = "permessage-deflate; client_max_window_bits"  # word for word what Chromium and Firefox send


class Group:
    """Viewers of one address, and how many of them have received the update."""

    def __init__(self, number: int, arguments: list[str]) -> None:
        port, count, self.path, *said = arguments
        self.number = number
        self.text = said[0] if said else ""
        self.frames = 0
        self.cut: dict[socket.socket, bytes] = {}  # the beginning of a frame whose rest has not come
        self.sockets = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(int(count))]

    def open(self) -> None:
        """Shake hands with all of them; the answer must be 101."""
        for sock in self.sockets:
            sock.sendall(handshake(self.path))
        for sock in self.sockets:
            read_answer(sock)
            if self.text:
                sock.sendall(masked_text(self.text.encode()))
            sock.setblocking(False)


def handshake(path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Extensions: {OFFER}\r\n\r\n"
    ).encode()


def read_answer(sock: socket.socket) -> None:
    """Read to the end of the headers and no further."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            raise EOFError(f"expected an answer to the handshake, got {head!r}")
        head += byte
    if b" 101 " not in head:
        raise ValueError(f"expected 101, got {head!r}")


def masked_text(payload: bytes) -> bytes:
    """A client's text frame, masked with zeros; up to 64 KiB."""
    length = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload


def whole_frames(data: bytes) -> tuple[int, int]:
    """How many whole unmasked frames `data` begins with (of up to 64 KiB each), and how many bytes they take."""
    count = used = 0
    while len(data) >= used + 4:  # no update is so short that its frame has fewer
        length = data[used + 1]
        end = used + 2 + length if length < 126 else used + 4 + int.from_bytes(data[used + 2 : used + 4], "big")
        if end > len(data):
            break
        count, used = count + 1, end
    return count, used


def groups_of(arguments: list[str]) -> list[Group]:
    """The groups that the command line names."""
    parts: list[list[str]] = [[]]
    for argument in arguments:
        if argument == "+":
            parts.append([])
        else:
            parts[-1].append(argument)
    return [Group(number, part) for number, part in enumerate(parts)]


def raise_file_limit() -> None:
    """As many open sockets as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Crowd:
    """All groups, read by one loop."""

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups
        self.counting = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        for group in groups:
            for sock in group.sockets:
                self.selector.register(sock, selectors.EVENT_READ, group)

    def read(self) -> None:
        """Read and throw away until standard input ends."""
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    if not sys.stdin.readline():
                        return
                    self.counting = True
                else:
                    self.receive(key.fileobj, key.data)  # type: ignore[arg-type]  # a socket, registered above

    def receive(self, sock: socket.socket, group: Group) -> None:
        size = sock.recv_into(SCRAP)
        if not size:
            self.selector.unregister(sock)
        elif self.counting:
            self.count(group, sock, bytes(memoryview(SCRAP)[:size]))

    def count(self, group: Group, sock: socket.socket, data: bytes) -> None:
        data = group.cut.pop(sock, b"") + data
        frames, used = whole_frames(data)
        if used < len(data):
            group.cut[sock] = data[used:]
        group.frames += frames
        if group.frames >= len(group.sockets):
            group.frames = 0
            os.write(sys.stdout.fileno(), str(group.number).encode())


def main() -> None:
    raise_file_limit()
    groups = groups_of(sys.argv[1:])
    for group in groups:
        group.open()
    print("open", flush=True)
    Crowd(groups).read()


if __name__ == "__main__":
    main()
