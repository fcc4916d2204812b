"""What a bundle that makes text answers to questions, how clearly, and whether it is right."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_export.train.rows import Row, read_rows
from edge_runtime.errors import ConfigError
from edge_runtime.inference.chat_template import Message, has_template
from edge_runtime.routing.calibration import Booleans, Floats
from edge_runtime.routing.confidence import written_features
from edge_runtime.tasks.chat import Chat
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation, whole

MAX_TOKENS = 64  # of an answer
_GREEDY = GenerationOptions(max_tokens=MAX_TOKENS, temperature=0.0)

Words = tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """Tokens of prompts, what was written, and which of it ``[questions]`` is right.

    ``states [questions, hidden]`` are those after the prompts, None if the graph gives none.
    """

    prompts: list[list[int]]
    answers: list[Generation]
    right: Booleans
    states: npt.NDArray[np.float32] | None = None

    @property
    def count(self) -> int:
        """How many questions were answered."""
        return len(self.right)

    def part(self, chosen: npt.NDArray[np.int_]) -> Written:
        """Return some of the answers, by their indices."""
        return Written(
            [self.prompts[index] for index in chosen],
            [self.answers[index] for index in chosen],
            self.right[chosen],
            None if self.states is None else self.states[chosen],
        )

    @property
    def features(self) -> dict[str, Floats]:
        """What the margins say ``[questions]``."""
        return written_features(
            np.array([each.mean_margin or 0.0 for each in self.answers]),
            np.array([each.least_margin or 0.0 for each in self.answers]),
            np.array([each.generation_tokens for each in self.answers], dtype=np.float64),
        )


def read_questions(
    data: Path, *, text: str = "question", label: str | None = None
) -> tuple[list[str], list[list[str]]]:
    """Return the questions of a file, and the right answers to each.

    Rows have a ``question`` or ``text``, and one ``answer`` or a list of ``answers``.

    Raises:
        ConfigError: the file is missing or broken, or a row lacks one of these; names the line.
    """
    rows = list(read_rows(data))
    questions = [row.text(text, "question", "text") for row in rows]
    return questions, [_answers(row, label) for row in rows]


def answer_questions(
    generator: TextGenerator, questions: Sequence[str], wanted: Sequence[Sequence[str]]
) -> Written:
    """Let a bundle answer questions, always with the likeliest token; a chat model chats.

    What was written is right if the words of a ``wanted`` answer stand in it in a row, whatever
    case and punctuation, and no answer to other questions stands before it, where questions share
    answers, as labels are.

    Raises:
        BadRequestError: a question is longer than the model can read.
        BundleError: the bundle cannot be run.
    """
    right_words = [[_words(text) for text in texts] for texts in wanted]
    uses = Counter(words for each in right_words for words in set(each))
    labels = {words for words, count in uses.items() if count > 1}
    chat = Chat(generator) if has_template(generator.bundle.path) else None
    prompts, answers, right, states = [], [], [], []
    for question, words in zip(
        tqdm(questions, desc="answer", unit="question"), right_words, strict=True
    ):
        if chat is None:
            ids = generator.tokenizer.ids(question)
        else:
            ids = chat.prompt([Message(role="user", content=question)], _GREEDY)
        prompts.append(ids)
        answers.append(whole(generator.stream(ids, _GREEDY, answers=chat is not None)))
        right.append(_is_right(_words(answers[-1].text), words, labels))
        if (state := generator.state(ids)) is not None:
            states.append(state)
    found = np.stack(states) if states else None
    return Written(prompts, answers, np.array(right, dtype=bool), found)


def _answers(row: Row, column: str | None) -> list[str]:
    names = (column,) if column is not None else ("answer", "answers", "label")
    found = next((row.fields[name] for name in names if name in row.fields), None)
    texts = found if isinstance(found, list) else [row.text(*names)]
    answers = [each for each in texts if isinstance(each, str)]
    if not answers or not all(_words(each) for each in answers):
        raise ConfigError(f"{row.place}: no right answer with a word in it under {names[0]!r}")
    return answers


def _is_right(said: Words, wanted: Sequence[Words], labels: Iterable[Words]) -> bool:
    places = [place for answer in wanted if (place := _place(said, answer)) is not None]
    others = [
        place
        for label in labels
        if label not in wanted and (place := _place(said, label)) is not None
    ]
    return bool(places) and min(places) <= min(others, default=len(said))


def _place(said: Words, answer: Words) -> int | None:
    size = len(answer)
    return next((i for i in range(len(said) - size + 1) if said[i : i + size] == answer), None)


def _words(text: str) -> Words:
    spaced = "".join(" " if letter in string.punctuation else letter for letter in text.lower())
    return tuple(spaced.split())
