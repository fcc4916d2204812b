"""The manifest ``bundle.json``: what a bundle is, is made of, and may promise."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Literal

import msgspec

import edge_runtime
from edge_runtime.errors import BundleError

FILE_NAME = "bundle.json"
DATA_FILE = "model.onnx.data"  # the weights of all graphs
FORMAT = 1

HeadType = Literal["classification", "tagging", "embedding", "span"]
Pooling = Literal["mean", "cls", "max", "lasttoken", "none"]
Task = Literal[
    "text-classification",
    "token-classification",
    "feature-extraction",
    "question-answering",
    "text-generation",
    "summarization",
    "translation",
]


class File(msgspec.Struct, frozen=True):
    """A file of the bundle; ``path`` is relative, with forward slashes."""

    path: str
    size_bytes: int
    sha256: str


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output of the model.

    ``labels`` name the logits in order (``O``, ``B-…``, ``I-…`` for tagging). ``out_of_scope`` is
    the label for texts that none of the others fits; ``needs_large_model`` are labels that the
    model recognises but that take free text to answer; ``same`` maps a label to finer ones, each of
    which says the same as it does. With ``strict_tags`` an ``I-`` is only read after its own ``B-``
    or ``I-``, by the likeliest sequence that keeps to it. ``pooling`` turns token vectors into one,
    where the graph does not do so itself. A ``span`` head, which answers questions, has two
    outputs: ``output`` holds the logits of the start, ``end_logits`` those of the end.
    """

    type: HeadType
    output: str
    labels: list[str] = []
    multi_label: bool = False
    out_of_scope: str | None = None
    needs_large_model: list[str] = []
    same: dict[str, list[str]] = {}
    strict_tags: bool = False
    pooling: Pooling = "none"


class Probe(msgspec.Struct, frozen=True):
    """A linear reading of a decoder's ``last_hidden_state`` after the last token of a prompt.

    ``weights`` are base64 of float16, little-endian, one for each channel; their product with the
    state, plus ``bias``, are the log-odds of a right answer.
    """

    weights: str
    bias: float


class Calibration(msgspec.Struct, frozen=True):
    """How a head's score becomes a confidence, and from where on it is trusted.

    ``weights`` and ``bias`` are of a logistic model over ``features`` of the logits (for a tagging
    head: of the score of a span, and a sample is a span that was found), fitted on one part of
    ``evaluation``; ``threshold`` was tested on the rest (``n`` samples): answers at or above it are
    wrong with probability at most ``alpha``, with certainty ``1 - delta``. It is None when no
    threshold passed: then the head carries no guarantee. Of the ``n`` samples ``accepted`` lay at
    or above it and ``errors`` of these were wrong, so that the bound can be
    computed again. ``temperature`` divides the logits so that their softmax is calibrated (Guo et
    al. 2017). ``auroc`` is None where every answer was right, or every one wrong. Of the feature
    ``scope_score``, which is high for texts in scope, ``scope_quantiles`` are the edges of the
    drift alarm: below each lies, as ``evaluation`` shows, no more than a fixed share of such texts.
    ``probe`` makes the feature of that name. Of what a bundle writes: ``max_tokens`` is where the
    answers were cut off, ``basis`` says in words what the confidence rests on and why; on the
    tested part ``auroc_interval`` is that of 95 %, ``margins_auroc`` what the margins and the
    length alone reach, and ``calibration_error`` the mean gap between confidence and accuracy.
    """

    features: list[str]
    weights: list[float]
    bias: float
    alpha: float
    delta: float
    n: int
    threshold: float | None
    coverage: float
    auroc: float | None
    evaluation: str
    accepted: int | None = None
    errors: int | None = None
    temperature: float | None = None
    scope_score: str | None = None
    scope_quantiles: list[float] = []
    probe: Probe | None = None
    max_tokens: int | None = None
    basis: str | None = None
    auroc_interval: list[float] = []
    margins_auroc: float | None = None
    calibration_error: float | None = None


class Signature(msgspec.Struct, frozen=True):
    """Who vouches for the manifest, and by its hashes for every file; values are base64.

    ``public_key`` are the 32 bytes of the Ed25519 key (RFC 8032), ``value`` the 64 of the signature
    over the manifest without this field.
    """

    algorithm: str
    public_key: str
    value: str


class Source(msgspec.Struct, frozen=True):
    """Where the weights came from."""

    model: str
    revision: str | None = None
    licence: str | None = None


class Graph(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form of the ONNX graph, and what a session has to do about it.

    ``optimization`` is the session's level: ``basic`` for a graph that is fused already.
    ``token_types`` says what the input ``token_type_ids`` means. ``kv_cache`` of a decoder:
    ``shared`` when past and present may be one buffer, ``growing`` when the present is a new one.
    ``encoder`` is the other graph of an encoder-decoder, whose outputs the decoder takes. ``first``
    is the decoder that reads the prompt, where that is another graph than ``file``: it takes no
    past, and its ``present.…`` are the past of ``file``.
    """

    file: str
    form: str
    opset: int
    encoder: str | None = None
    first: str | None = None
    kv_cache: Literal["none", "shared", "growing"] = "none"
    optimization: Literal["basic", "all"] = "all"
    token_types: Literal["zero", "case"] = "zero"

    @property
    def files(self) -> list[str]:
        """The graphs that are loaded, the main one first."""
        return [name for name in (self.file, self.first, self.encoder) if name is not None]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of ``bundle.json`` (DESIGN section 5)."""

    format: int
    name: str
    version: str
    task: Task
    heads: dict[str, Head]
    source: Source
    graph: Graph
    files: list[File] = []
    languages: list[str] = []
    quantization: dict[str, str] = {}
    target: str = "generic"
    oldest_runtime: str = "0.1.0"
    max_length: int = 512
    report: dict[str, Any] = {}
    calibration: dict[str, Calibration] = {}
    versions: dict[str, str] = {}
    signature: Signature | None = None

    def head(self, kind: HeadType, name: str | None = None) -> tuple[str, Head]:
        """Return the named head, or the first of this type.

        Raises:
            BundleError: there is none.
        """
        fitting = {key: head for key, head in self.heads.items() if head.type == kind}
        if name is None and fitting:
            return next(iter(fitting.items()))
        if name in fitting:
            return name, fitting[name]
        wanted = f"{kind} head {name!r}" if name else f"{kind} head"
        raise BundleError(
            f"bundle {self.name!r} has no {wanted}; it has {', '.join(self.heads) or 'none'}"
        )


def read_manifest(directory: Path) -> Manifest:
    """Read and check ``bundle.json``; the files themselves are not looked at.

    Raises:
        BundleError: not valid JSON, an unknown format, or a path that leaves the directory.
    """
    path = directory / FILE_NAME
    try:
        raw = path.read_bytes()
        head: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
        if head.get("format") != FORMAT:
            raise BundleError(
                f"{path}: format {head.get('format')!r} is not {FORMAT}, which this runtime "
                "reads; update edge-runtime or export the bundle again"
            )
        manifest = msgspec.convert(head, Manifest)
    except OSError as exc:
        raise BundleError(f"{path}: {exc.strerror}") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BundleError(f"{path}: {exc}") from exc
    if _version(manifest.oldest_runtime) > _version(edge_runtime.__version__):
        raise BundleError(
            f"{path} needs edge-runtime {manifest.oldest_runtime} or newer, and this is "
            f"{edge_runtime.__version__}; update the runtime"
        )
    for name in [*(file.path for file in manifest.files), *manifest.graph.files]:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise BundleError(f"{path}: file {name!r} is outside the bundle")
    return manifest


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write ``bundle.json``, indented, keys in the order of the struct."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (directory / FILE_NAME).write_bytes(text + b"\n")


def _version(text: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in text.split(".")]
