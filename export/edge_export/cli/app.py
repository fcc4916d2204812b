"""``edge-export``: Hugging Face models in, verified int8 bundles out."""

from __future__ import annotations

import signal

from edge_export.cli.calibrate import calibrate
from edge_export.cli.convert import convert
from edge_export.cli.diff import diff
from edge_export.cli.evaluate import evaluate
from edge_export.cli.inspect import inspect
from edge_export.cli.publish import publish
from edge_export.cli.sign import sign, verify
from edge_export.cli.train import train
from edge_runtime.cli.run import make_app, run_app

app = make_app(
    "edge-export",
    "Hugging Face models in, verified int8 bundles for a named device out.",
)
for verb in (convert, train, evaluate, calibrate, inspect, diff, sign, verify, publish):
    app.command()(verb)


def main() -> None:
    """Run the command; an error is one line on stderr and exit status 1.

    Told to terminate it cleans up, as after Ctrl-C.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_app(app)


if __name__ == "__main__":
    main()
