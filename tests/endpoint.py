"""An OpenAI-compatible endpoint on loopback, which answers as it is told to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMPLETION: dict[str, Any] = {
    "id": "x",
    "object": "chat.completion",
    "created": 0,
    "model": "tiny-1",
    "choices": [
        {"index": 0, "finish_reason": "stop",
         "message": {"role": "assistant", "content": "<PERSON_1> was tired."}}
    ],
    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
}  # fmt: skip


class Endpoint(ThreadingHTTPServer):
    """An OpenAI-compatible endpoint that answers as it is told.

    Whoever asks for a stream gets `pieces`, each after `piece_go` was set; `cut` ends the
    connection after so many of them, and `counts` says whether the tokens are counted at the end.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = json.dumps(COMPLETION).encode()
        self.models = ["tiny-1"]
        self.pieces = ["<PERS", "ON_1> was", " tired", "."]
        self.cut: int | None = None
        self.counts = True
        self.given_up = threading.Event()
        self.piece_go = threading.Semaphore(1_000_000)
        self.go = threading.Event()
        self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        self.server.go.wait(30)
        if body.get("stream") and self.server.status == 200:
            self._stream()
        else:
            self._send(self.server.status, self.server.headers, self.server.body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, piece in enumerate(self.server.pieces):
            self.server.piece_go.acquire(timeout=30)
            if number == self.server.cut:
                return
            self._event([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
        if self.server.cut is None:
            self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
            if self.server.counts:
                self._event([], usage=COMPLETION["usage"])
            self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, choices: list[dict[str, Any]], **fields: Any) -> None:
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "tiny-1",
                 "choices": choices, **fields}  # fmt: skip
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def do_GET(self) -> None:
        models = [{"id": name, "object": "model"} for name in self.server.models]
        self._send(200, {}, json.dumps({"object": "list", "data": models}).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            # a client that gave up, as it should
            self.server.given_up.set()


@contextlib.contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """Serve until the end of the block."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.go.set()
        server.shutdown()
        thread.join()
