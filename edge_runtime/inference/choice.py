"""Which token comes next: the rules of a model's files and of the request, then the sampler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.inference.constraint import Constraint
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.inference.margins import Margins
from edge_runtime.inference.penalties import Penalties
from edge_runtime.inference.sampling import Sampling, make_sampler

Floats = npt.NDArray[np.float32]


class Choice:
    """Chooses the tokens of one output, after a prompt and the ``output`` so far.

    ``margins`` say how clearly those were chosen that ``take`` returned.

    The order of the rules is that of transformers: repetition, n-grams, banned tokens, length,
    forced tokens; then the grammar.
    """

    def __init__(
        self,
        config: GenerationConfig,
        sampling: Sampling,
        prompt: Sequence[int],
        most: int,
        constraint: Constraint | None = None,
        output: Sequence[int] = (),
    ) -> None:
        self._config = config
        self.margins = Margins()
        self._penalties = Penalties(sampling, prompt)
        self._sample = make_sampler(sampling)
        self._constraint = constraint
        self._tokens = list(prompt)
        self._prompt_length = len(prompt)
        self._least = max(config.min_length - len(prompt), config.min_new_tokens)
        self._most = most
        for token in output:
            self._add(token)

    @property
    def count(self) -> int:
        """Tokens chosen so far."""
        return len(self._tokens) - self._prompt_length

    @property
    def left(self) -> int:
        """Tokens that may still be chosen."""
        return self._most - self.count

    @property
    def is_finished(self) -> bool:
        """True when nothing more may come."""
        ended = self.count > 0 and self._tokens[-1] in self._config.eos
        finished = self._constraint is not None and self._constraint.is_finished
        return ended or finished or self.count >= self._most

    def rule_out(self, logits: Floats) -> None:
        """Change logits ``[vocabulary]`` in place as the rules say."""
        config = self._config
        self._penalties.apply(logits)
        if config.no_repeat_ngram_size > 0:
            logits[self._repeating(config.no_repeat_ngram_size)] = -np.inf
        logits[config.banned] = -np.inf
        if self.count < self._least:
            logits[config.eos] = -np.inf
        if self.count == 0:
            logits[config.banned_first] = -np.inf
        forced = self._forced()
        if forced is not None:
            logits[:] = -np.inf
            logits[forced] = 0.0
        if self._constraint is not None:
            self._constraint.apply(logits)

    def take(self, logits: Floats) -> int:
        """Choose a token of logits that the rules were applied to.

        Raises:
            BundleError: the logits rule out every token.
        """
        token = self._sample(logits)
        self.margins.add(logits, token)
        self._add(token)
        return token

    def forced(self) -> list[int]:
        """Take and return the tokens that the grammar leaves no choice about."""
        tokens = [] if self._constraint is None else self._constraint.forced()
        tokens = tokens[: self.left]
        for token in tokens:
            self._add(token)
        return tokens

    def _add(self, token: int) -> None:
        self._tokens.append(token)
        self._penalties.add(token)
        if self._constraint is not None:
            self._constraint.accept(token)

    def _forced(self) -> int | None:
        if self.count == 0 and self._config.first is not None:
            return self._config.first
        return self._config.last if self.count == self._most - 1 else None

    def _repeating(self, size: int) -> list[int]:
        """Return the tokens that would repeat an n-gram."""
        tokens = self._tokens
        tail = tokens[len(tokens) - size + 1 :]
        return [
            tokens[start + size - 1]
            for start in range(len(tokens) - size + 1)
            if tokens[start : start + size - 1] == tail
        ]
