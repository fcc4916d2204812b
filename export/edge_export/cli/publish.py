"""``publish``: a bundle or a runtime into a repository that devices are updated from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edge_runtime.errors import ConfigError


def publish(
    repository: Annotated[
        Path, typer.Argument(help="The repository's directory, for any static web server.")
    ],
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle; without one the index is signed anew.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The private Ed25519 key (PEM, mode 0600).")
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(metavar="TREE", help="Publish this runtime instead: pip install --target."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The name on devices; the manifest's if left out.")
    ] = None,
    stage: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of the nodes that may take it yet.")
    ] = 100.0,
    golden: Annotated[
        Path | None,
        typer.Option(help='What a device asks before it switches: {"text":…,"expect":{…}} lines.'),
    ] = None,
    max_p95_ms: Annotated[
        float | None, typer.Option(min=0, help="The slowest p95 of the golden set on a device.")
    ] = None,
    max_rss_mb: Annotated[
        float | None, typer.Option(min=0, help="The most memory of a process with it.")
    ] = None,
    valid_days: Annotated[
        float, typer.Option(min=0, help="How long devices believe this index.")
    ] = 30.0,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1, help="Versions of each name to keep; delete what older ones alone need."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Add a release; devices transfer only the chunks that they do not have."""
    from edge_export.publishing.golden_file import read_golden
    from edge_export.publishing.publish import Terms, bundle_item, runtime_item
    from edge_export.publishing.publish import publish as publish_item
    from edge_export.signing import read_private_key
    from edge_runtime.bundles.store import Store
    from edge_runtime.updates.contents import Limits

    if key is None:
        raise ConfigError("give --key FILE; edge-export sign --new-key FILE makes one")
    if bundle is not None and runtime is not None:
        raise ConfigError("publish a bundle or a runtime, one at a time")
    opened = None if bundle is None else Store(None).open(str(bundle.absolute()))
    item = None if opened is None else bundle_item(opened, name)
    if runtime is not None:
        item = runtime_item(runtime)
    rows = [] if golden is None else read_golden(golden, opened)
    done = publish_item(
        repository,
        read_private_key(key),
        item,
        Terms(stage, rows, Limits(max_p95_ms, max_rss_mb), keep),
        valid_days=valid_days,
    )
    release, stored = done.release, done.stored
    if as_json:
        row: dict[str, object] = {
            "index_version": done.index.version,
            "expires_s": done.index.expires_s,
        }
        new = None if stored is None else stored.new_bytes
        row |= {"release": release, "new_bytes": new, "freed_bytes": done.freed_bytes}
        print(msgspec.json.encode(row).decode())
        return
    if release is not None and stored is not None:
        print(
            f"{release.name}  {release.version} #{release.serial}  "
            f"{stored.size_bytes / 1e6:.1f} MB, {stored.packed_bytes / 1e6:.1f} MB packed, "
            f"{stored.new_bytes / 1e6:.1f} MB new here"
            f"  {release.stage_percent:g} % of the nodes"
        )
    print(f"{repository}: index version {done.index.version}, {len(done.index.releases)} releases, "
          f"believed for {valid_days:g} days")  # fmt: skip
    if keep is not None:
        print(
            f"{len(done.index.earlier)} earlier releases are kept, "
            f"{done.freed_bytes / 1e6:.1f} MB are free again"
        )
