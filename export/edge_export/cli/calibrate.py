"""``calibrate``: a confidence and a proven threshold for a bundle's head."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edge_export.cli.extra import needs_extra
from edge_export.cli.options import HeadOption, TextColumn
from edge_runtime.bundles.store import Store
from edge_runtime.routing.calibration import upper_bound
from edge_runtime.routing.confidence import WRITTEN


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="The bundle's directory; its manifest changes.")],
    data: Annotated[Path, typer.Option(help="TSV or JSONL that the model was not trained on.")],
    head: HeadOption = None,
    alpha: Annotated[float, typer.Option(help="Error that local answers may have.")] = 0.05,
    delta: Annotated[float, typer.Option(help="1 - certainty of that.")] = 0.05,
    text: TextColumn = "text",
    label: Annotated[
        str | None, typer.Option(help="The column of the label: label, or the head's name.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses which rows fit and which test.")] = 13,
    as_json: Annotated[bool, typer.Option("--json", help="Print the calibration.")] = False,
) -> None:
    """Fit temperature, confidence and threshold on the bundle's own graph; write the manifest.

    Of a bundle that makes text it calibrates answers: rows have a question and its answer.

    Half of them fit a probe of hidden states and the margins of tokens, the rest test a threshold.

    It holds for the likeliest tokens after single questions like these, never for sampled ones.
    """
    with needs_extra():
        from edge_export.calibrate import calibrate as run

    name, found, removed = run(
        Store(None).open(str(bundle.absolute())), data, head=head, text=text, label=label,
        alpha=alpha, delta=delta, seed=seed,
    )  # fmt: skip
    if removed:
        print(f"{bundle}: the signature no longer fits and was removed; sign it again",
              file=sys.stderr)  # fmt: skip
    if as_json:
        print(msgspec.json.encode({"head": name, **msgspec.to_builtins(found)}).decode())
        return
    promise = f"error <= {found.alpha:g} with certainty {1 - found.delta:g}"
    what = "what it writes" if name == WRITTEN else f"head {name}"
    print(f"{bundle}: {what}, {found.evaluation}")
    if found.threshold is None:
        print(f"  no threshold has {promise}: without more data or a better model this "
              "carries no guarantee")  # fmt: skip
    else:
        print(f"  {promise} from confidence {found.threshold:.3f}")
        bound = upper_bound(found.errors or 0, found.accepted or 0, found.delta)
        print(f"  coverage {found.coverage:.1%}; of {found.n} held-out answers {found.accepted} "
              f"are that sure, {found.errors} of these are wrong: at most {bound:.2%} "
              "(Clopper-Pearson)")  # fmt: skip
    auroc = "-" if found.auroc is None else f"{found.auroc:.3f}"
    if name == WRITTEN:
        if found.auroc_interval:
            low, high = found.auroc_interval
            auroc += f" ({low:.3f} to {high:.3f})"
        margins = "-" if found.margins_auroc is None else f"{found.margins_auroc:.3f}"
        print(f"  AUROC {auroc}, by margins and length alone {margins}; calibration error "
              f"{found.calibration_error or 0.0:.3f}")  # fmt: skip
        print(f"  basis: {found.basis}")
        return
    temperature = "-" if found.temperature is None else f"{found.temperature:.2f}"
    print(f"  AUROC {auroc}, temperature {temperature}")
