"""Labels with their meanings, from the command line or a file."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import BadRequestError, ConfigError


def given_labels(inline: str | None, path: Path | None) -> dict[str, list[str]] | None:
    """Return names with their meanings, None when neither is given.

    ``inline`` has a comma between labels that say what they mean. A file has one on each line, or a
    name, a tab and its meaning; the same name may have several lines.

    Raises:
        BadRequestError: both are given, or the file is not UTF-8.
        ConfigError: the file cannot be read.
    """
    if inline is not None and path is not None:
        raise BadRequestError("--labels and --labels-file are two ways to say the same; give one")
    if inline is not None:
        return {name: [name] for name in (part.strip() for part in inline.split(",")) if name}
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as exc:
        raise BadRequestError(f"{path} is not UTF-8 (byte {exc.start})") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc
    labels: dict[str, list[str]] = {}
    for line in filter(str.strip, lines):
        name, tab, meaning = line.partition("\t")
        labels.setdefault(name.strip(), []).append(meaning.strip() if tab else name.strip())
    return labels
