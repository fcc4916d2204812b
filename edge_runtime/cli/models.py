"""``models``: the bundles on this device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.cli.options import Json
from edge_runtime.cli.run import fail, make_app
from edge_runtime.cli.settings import load_settings
from edge_runtime.errors import EdgeError

if TYPE_CHECKING:
    from edge_runtime.bundles.signatures import Verification

models = make_app("models", "The bundles on this device.")

Reference = Annotated[str, typer.Argument(help="A bundle's name or directory.")]


@models.command("ls")
def list_models(as_json: Json = False) -> None:
    """List the bundles that have a name."""
    from edge_runtime.bundles.store import Store

    store = Store(load_settings().state_directory)
    broken = False
    for path in store.directories():
        try:
            manifest = store.read(path).manifest
        except EdgeError as exc:
            broken = True
            fail(exc)
            continue
        size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        row = {
            "name": path.name,
            "version": manifest.version,
            "task": manifest.task,
            "heads": list(manifest.heads),
            "size_bytes": size_bytes,
            "path": str(path),
        }
        if as_json:
            print(msgspec.json.encode(row).decode())
        else:
            heads = ",".join(manifest.heads)
            print(f"{path.name}  {manifest.version}  {size_bytes / 1e6:.1f} MB  {heads}  {path}")
    if broken:
        raise typer.Exit(1)


@models.command("show")
def show(bundle: Reference = "assistant", as_json: Json = False) -> None:
    """Show a bundle's manifest: heads, quality, calibration, origin."""
    from edge_runtime.bundles.store import Store

    store = Store(load_settings().state_directory)
    opened = store.read(store.find(bundle))
    if as_json:
        print(msgspec.json.encode(opened.manifest).decode())
        return
    manifest = opened.manifest
    print(f"{opened.model_name}  version {manifest.version}  {opened.path}")
    print(f"from {manifest.source.model} ({manifest.source.licence or 'licence unknown'})")
    print(f"graph {manifest.graph.form}, opset {manifest.graph.opset}, {manifest.target}")
    for part, how in manifest.quantization.items():
        print(f"  {part}: {how}")
    for name, head in manifest.heads.items():
        print(f"head {name}: {head.type}, {len(head.labels)} labels" if head.labels
              else f"head {name}: {head.type}")  # fmt: skip
        if calibration := manifest.calibration.get(name):
            threshold = calibration.threshold
            promise = (
                f"error <= {calibration.alpha:g} (certainty {1 - calibration.delta:g}) from "
                f"confidence {threshold:.3f}, coverage {calibration.coverage:.2f}"
                if threshold is not None
                else "no threshold passed, so no guarantee"
            )
            auroc = "-" if calibration.auroc is None else f"{calibration.auroc:.3f}"
            print(f"  {promise}; n {calibration.n}, AUROC {auroc}")


@models.command("verify")
def verify(
    bundle: Reference = "assistant",
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The public key that you trust (PEM)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash every file of a bundle and compare with its manifest; with a key, check who signed."""
    from edge_runtime.bundles.signatures import check
    from edge_runtime.bundles.store import Store

    store = Store(None)  # no cache: a check that was asked for reads every byte
    path = Store(load_settings().state_directory).find(bundle)
    opened = store.open(str(path))
    found = check(opened, None if public_key is None else public_key.read_bytes())
    if as_json:
        print(msgspec.json.encode(found).decode())
    elif found.verified:
        print("\n".join(verification_lines(found)))
    else:
        print(f"{opened.path}: no bundle.json, so there is nothing to compare with (unverified)")


def verification_lines(found: Verification) -> list[str]:
    """Return for people what was checked, and what was not."""
    signature = {
        "none": "not signed",
        "untrusted": f"signed with key {found.public_key}, which was not checked against a trusted "
        "key (--public-key)",
        "trusted": f"signed with the trusted key {found.public_key}",
    }[found.signature]
    lines = [f"{found.model}: {found.files} files are as the manifest says", signature]
    if found.unlisted:
        lines.append(f"not in the manifest, so nothing covers them: {', '.join(found.unlisted)}")
    return lines
