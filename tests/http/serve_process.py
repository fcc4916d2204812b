"""A server in a process of its own: ``python -m tests.http.serve_process NAME=BUNDLE…``."""

from __future__ import annotations

import sys

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.cli.service import run_until_signalled, signals_held
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.server import HttpServer


class _Announced(HttpServer):
    def start(self) -> None:
        super().start()
        sys.stdout.write(f"{self.url}\n")
        sys.stdout.flush()


def main() -> None:
    pairs = (argument.split("=", 1) for argument in sys.argv[1:])
    with signals_held():
        offered = {name: Assistant(Store(None).open(bundle)) for name, bundle in pairs}
        run_until_signalled(_Announced(HttpSettings(), offered))


if __name__ == "__main__":
    main()
