"""``python -m benchmarks.torture.endpoint SEED``: an OpenAI-compatible endpoint that misbehaves.

The first line on stdout is its port. ``GET /calls`` tells what was asked: how many calls ended in
which way, and how often each question was answered in full, which is what an owner pays for.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.torture.questions import because, number_in

TIMEOUT_S = 2.0  # the workers' own

# how often each end comes; `late` answers when nobody listens any more
_ENDS = {"whole": 62, "busy": 10, "error": 10, "late": 4, "garbled": 7, "cut": 7}
_LATENCY_S = 0.02
_RETRY_AFTER_S = "1"


class Endpoint(ThreadingHTTPServer):
    """The endpoint and its accounts."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._rng = random.Random(seed)  # noqa: S311 - to be repeated
        self._lock = threading.Lock()
        self.ends: Counter[str] = Counter()
        self.paid: Counter[int] = Counter()

    def choose(self) -> str:
        """Return how the next call ends."""
        with self._lock:
            end = self._rng.choices(list(_ENDS), list(_ENDS.values()))[0]
            self.ends[end] += 1
            return end

    def pay(self, number: int) -> None:
        """Note that a question was answered in full."""
        with self._lock:
            self.paid[number] += 1


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Tell what was asked."""
        content = {"ends": self.server.ends, "paid": self.server.paid}
        self._send(200, json.dumps(content).encode())

    def do_POST(self) -> None:
        """Answer a chat completion, or not."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = number_in("\n".join(str(each["content"]) for each in body["messages"])) or 0
        end = self.server.choose()
        time.sleep(TIMEOUT_S + 0.5 if end == "late" else _LATENCY_S)
        if end == "busy":
            self._send(429, b'{"error": {"message": "slow down"}}', {"Retry-After": _RETRY_AFTER_S})
        elif end == "error":
            self._send(500, b'{"error": {"message": "oh no"}}')
        elif body.get("stream"):
            self._stream(number, end)
        else:
            self._whole(number, end)

    def _whole(self, number: int, end: str) -> None:
        content = _completion(because(number), "message", "stop")
        payload = json.dumps({**content, "object": "chat.completion", "usage": _usage()}).encode()
        if end == "garbled":
            self._send(200, payload[: len(payload) // 2])
        elif end == "cut":
            self._send(200, payload[: len(payload) // 2], {"Content-Length": str(len(payload))})
        else:
            self._paid(number, end)
            self._send(200, payload)

    def _stream(self, number: int, end: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        words = because(number).split(" ")
        for place, word in enumerate(words):
            piece = word if place == 0 else f" {word}"
            self._event(_completion(piece, "delta", None))
            if end != "whole" and place == 1:
                if end == "garbled":
                    self.wfile.write(b"data: {no json\n\n")
                return
        self._event(_completion("", "delta", "stop"))
        self._event({**_completion("", "delta", None), "choices": [], "usage": _usage()})
        self._paid(number, end)
        self.wfile.write(b"data: [DONE]\n\n")

    def _paid(self, number: int, end: str) -> None:
        if end == "whole":
            self.server.pay(number)

    def _event(self, content: dict[str, Any]) -> None:
        content = {**content, "object": "chat.completion.chunk"}
        self.wfile.write(b"data: " + json.dumps(content).encode() + b"\n\n")
        self.wfile.flush()

    def _send(self, status: int, payload: bytes, headers: dict[str, str] | None = None) -> None:
        fields = {"Content-Length": str(len(payload)), "Connection": "close", **(headers or {})}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Bear with clients that are gone."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


def _completion(text: str, kind: str, finish_reason: str | None) -> dict[str, Any]:
    content = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": finish_reason, kind: content}
    return {"id": "x", "created": 0, "model": "torture-1", "choices": [choice]}


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}


def main(seed: str) -> None:
    """Serve until killed."""
    with Endpoint(int(seed)) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
