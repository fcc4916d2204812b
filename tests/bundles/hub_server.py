"""A hub on this machine: the endpoints that huggingface_hub asks, over real HTTP."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".onnx", ".onnx_data")  # what a real repository keeps in LFS


@dataclass
class Hub:
    """``repositories`` are directories by id; ``gated`` ids are closed to everybody.

    ``cut`` are files of which no byte from this one on is ever sent; ``altered`` are files that
    arrive with a byte changed. ``asked`` are methods, paths and ranges, in order.
    """

    url: str = ""
    repositories: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    @property
    def fetched(self) -> set[str]:
        """Names of the files whose content was asked for."""
        return {
            re.sub(r".*/resolve/[^/]+/(\S+).*", r"\1", line)
            for line in self.asked
            if line.startswith("GET") and "/resolve/" in line
        }


@contextlib.contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve on a free port of the loopback until the end."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[Hub]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = api or file
        if found is None or found[1] not in self.hub.repositories:
            self._refuse(404, "RepoNotFound")
        elif found[1] in self.hub.gated:
            self._refuse(403, "GatedRepo")
        elif (found[2] or "main") not in {"main", COMMIT}:
            self._refuse(404, "RevisionNotFound")
        elif api:
            self._describe(found[1])
        else:
            self._send(self.hub.repositories[found[1]], found[3])

    def _refuse(self, status: int, code: str) -> None:
        body = json.dumps({"error": code}).encode()
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _describe(self, hub_id: str) -> None:
        root = self.hub.repositories[hub_id]
        siblings = []
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            content = path.read_bytes()
            sibling = {"rfilename": path.relative_to(root).as_posix(), "size": len(content),
                       "blobId": _git_hash(content)}  # fmt: skip
            if path.name.endswith(LARGE):
                sibling["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(),
                                  "size": len(content), "pointerSize": 134}  # fmt: skip
            siblings.append(sibling)
        body = json.dumps({
            "id": hub_id, "modelId": hub_id, "sha": COMMIT, "private": False, "gated": False,
            "disabled": False, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings,
            "cardData": {"license": "apache-2.0"},
        }).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, root: Path, name: str) -> None:
        path = root / name
        if not path.is_file():
            self._refuse(404, "EntryNotFound")
            return
        content = path.read_bytes()
        large = name.endswith(LARGE)
        etag = hashlib.sha256(content).hexdigest() if large else _git_hash(content)
        start = int((re.findall(r"bytes=(\d+)-", self.headers.get("Range", "")) or ["0"])[0])
        if name in self.hub.altered:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if large:
            self.send_header("X-Linked-Etag", f'"{etag}"')
            self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = self.hub.cut.get(name, len(content))
        self.close_connection = end < len(content)
        self.wfile.write(content[start:end])


def _git_hash(content: bytes) -> str:
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
