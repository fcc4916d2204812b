"""Where names end, with the real bundle's tokenizer and tags that are given."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder, Encoding
from edge_runtime.tasks.tagging import tag

HEAD = Head(type="tagging", output="entities", labels=["O", "B-X", "I-X"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I like Berlin. Do you?", "Berlin"),
        ("I like Acme Inc. Do you?", "Acme Inc."),
        ("Ask Angela! Now.", "Angela"),
        ("St. Gallen is nice", "St. Gallen"),
    ],
)
def test_the_end_of_a_sentence_is_no_part_of_a_name(text: str, name: str) -> None:
    encoder = Encoder(Store(None).open("assistant"))
    encoding = encoder.encode([text], ["entities"])[0]
    first = text.index(name)
    end = first + len(name)
    end += text[end : end + 1] in {".", "!"}
    logits = [
        np.array(
            [
                [0.0, 9.0, 0.0] if start == first else
                [0.0, 0.0, 9.0] if first < start < end else [9.0, 0.0, 0.0]
                for start, _ in window.offsets
            ],
            dtype=np.float32,
        )
        for window in encoding.windows
    ]  # fmt: skip
    tagged = Encoding(encoding.text, encoding.windows, {"entities": logits})

    assert [each.text for each in tag("entities", HEAD, tagged)] == [name]
