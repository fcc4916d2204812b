"""The labelled texts of a split, read as the recipe of the bundle reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from tqdm import tqdm

from edge_export.train.examples import Example, example_labels, read_examples
from edge_export.train.load import load_recipe
from edge_export.train.recipe import Head, Source
from edge_runtime.tasks.encoder import Encoder, Encoding

_RECIPE = "assistant"
# a source of many domains, measured one by one
_CROSSNER = ("ai", "literature", "music", "politics", "science")


@dataclass(frozen=True)
class DataSet:
    """One source with what the bundle says on each of its texts.

    ``own`` are the labels that the source has anywhere, which are fewer than the head's;
    ``trained`` what the bundle learned from, not run.
    """

    name: str
    head: str
    examples: list[Example]
    encodings: list[Encoding]
    own: frozenset[str]
    trained: list[Example]


@dataclass
class Sets:
    """Reads and encodes; a text that several sources have is encoded once.

    ``skipped`` says what could not be read.
    """

    encoder: Encoder
    data: Path
    split: str
    skipped: list[str] = field(default_factory=list)
    _known: dict[str, Encoding] = field(default_factory=dict)

    def all(self) -> list[DataSet]:
        """Return every data set of the recipe that has the split, and of which there is a head."""
        recipe = load_recipe(_RECIPE)
        sources = [_at(source, self.split) for source in recipe.sources if source.dev]
        cross = next(source for source in recipe.sources if source.name == "CrossNER")
        sources += [
            msgspec.structs.replace(
                cross, name=f"CrossNER {domain}", dev=[f"crossner/{domain}/{self.split}.conll"]
            )
            for domain in _CROSSNER
        ]
        found = []
        for source in sources:
            if source.head not in self.encoder.bundle.manifest.heads:
                self.skipped.append(f"{source.name}: the bundle has no head {source.head!r}")
                continue
            if taught := {*source.train} & {*source.dev}:
                self.skipped.append(f"{source.name}: the bundle has learned {min(taught)}")
                continue
            if missing := [name for name in source.dev if not (self.data / name).is_file()]:
                self.skipped.append(f"{source.name}: no file {missing[0]}")
                continue
            head = recipe.heads[source.head]
            examples = read_examples(source, head, self.data, split="dev")
            trained = self._trained(source, head)
            own = {label for example in [*examples, *trained] for label in example_labels(example)}
            texts = [example.text for example in examples]
            found.append(
                DataSet(
                    source.name,
                    source.head,
                    examples,
                    self.encode(texts, source.name),
                    frozenset(own),
                    trained,
                )
            )
        return found

    def _trained(self, source: Source, head: Head) -> list[Example]:
        """Return the training examples of the files that are here."""
        here = [name for name in source.train if (self.data / name).exists()]
        source = msgspec.structs.replace(source, train=here)
        return read_examples(source, head, self.data, split="train") if here else []

    def encode(self, texts: Sequence[str], title: str) -> list[Encoding]:
        """Return the encodings in order, each text by itself as on a device."""
        for text in tqdm(texts, desc=title, unit="text"):
            if text not in self._known:
                self._known[text] = self.encoder.encode([text])[0]
        return [self._known[text] for text in texts]


def _at(source: Source, split: str) -> Source:
    """Return the source with the files of a split instead of those of dev."""
    return msgspec.structs.replace(
        source,
        dev=[
            str(Path(name).with_stem(split)) if Path(name).stem == "dev" else name
            for name in source.dev
        ],
    )
