"""A TCP proxy between senders and a service that can lose answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class LossyProxy:
    """Hands requests on; while `loses_answers` it reads each answer and hangs up instead of handing it on."""

    target: tuple[str, int]
    listener: socket.socket
    loses_answers: bool = False
    lost: list[bytes] = field(default_factory=list)
    """The answers that nobody got."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as service, contextlib.suppress(OSError):
            threading.Thread(target=_copy, args=(client, service), daemon=True).start()
            answer = b""
            while data := service.recv(1 << 16):
                if not self.loses_answers:
                    client.sendall(data)
                    continue
                answer += data
                if _whole(answer):
                    self.lost.append(answer)
                    client.shutdown(socket.SHUT_RDWR)  # to close alone would not tell: the other thread reads
                    return


def _whole(answer: bytes) -> bool:
    head, found, content = answer.partition(b"\r\n\r\n")
    return bool(found) and len(content) == int(head.lower().partition(b"content-length:")[2].split()[0])


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def lossy_proxy(url: str) -> Iterator[LossyProxy]:
    """A proxy in front of the service at `url`."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = LossyProxy((host, int(port)), listener)
        threading.Thread(target=proxy.run, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
