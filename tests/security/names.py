"""A name server on a loopback port, whose answers a test changes from one question to the next, as one who rebinds does."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from types import TracebackType
from typing import Self

A, AAAA = 1, 28


class NameServer:
    """Answers every name with `addresses`, to be kept for no time at all. `asked` are the names that came, in lower case.

    That a name has no address of one kind is kept all the same by who asks: give a name always the same kind.
    """

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def environ(self) -> dict[str, str]:
        """What makes a gateway ask here and nowhere else."""
        return {"GEVENT_RESOLVER": "ares", "GEVENTARES_SERVERS": "127.0.0.1", "GEVENTARES_UDP_PORT": str(self.port)}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, caller = self._socket.recvfrom(4096)
            if not question:
                return
            self._socket.sendto(self._answer(question), caller)

    def _answer(self, question: bytes) -> bytes:
        end = question.index(b"\0", 12) + 1
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        self.asked.append(".".join(labels).lower())
        (kind,) = struct.unpack("!H", question[end : end + 2])
        found = [ipaddress.ip_address(each) for each in self.addresses]
        told = [each.packed for each in found if {4: A, 6: AAAA}[each.version] == kind]
        records = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(each)) + each for each in told)
        return question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(told), 0, 0) + question[12 : end + 4] + records
