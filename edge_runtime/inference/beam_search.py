"""Beam search: the best few outputs so far go on side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_runtime.inference.choice import Choice
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.inference.sampling import Sampling

Floats = npt.NDArray[np.float32]


@dataclass(order=True)
class _Finished:
    score: float
    tokens: list[int] = field(compare=False)


class BeamSearch:
    """Finds an output of high probability with ``beams`` rows of a decoder's batch.

    Scores are sums of log-probabilities divided by the length to the power ``length_penalty``, and
    the search ends as transformers' does (``early_stopping``).
    """

    def __init__(self, decoder: Decoder, config: GenerationConfig, beams: int) -> None:
        self._decoder = decoder
        self._config = config
        self._beams = beams

    def run(
        self, start: Sequence[int], most: int, interrupted: Callable[[], bool]
    ) -> Iterator[int]:
        """Yield the best output's tokens, an end token included; at an interrupt, the best so far.

        Raises:
            BundleError: the graph fails.
        """
        sampling = Sampling(repetition_penalty=self._config.repetition_penalty)
        rows: list[list[int]] = [[] for _ in range(self._beams)]
        scores = np.full(self._beams, -1e9, dtype=np.float32)
        scores[0] = 0.0
        finished: list[_Finished] = []
        ids = np.array([start] * self._beams, dtype=np.int64)
        for step in range(most):
            if interrupted():
                break
            logits = self._decoder.forward_batch(ids)[:, -1]
            totals = np.stack(
                [
                    self._log_probabilities(
                        row, Choice(self._config, sampling, start, most, None, made)
                    )
                    for row, made in zip(logits, rows, strict=True)
                ]
            )
            totals += scores[:, None]
            best = self._candidates(totals)
            length = step + 1
            going: list[tuple[float, int, int]] = []
            for place, (score, row, token) in enumerate(best):
                ends = token in self._config.eos or length == most
                if ends and place < self._beams:
                    finished.append(_Finished(self._normal(score, length), [*rows[row], token]))
                elif not ends and len(going) < self._beams:
                    going.append((score, row, token))
            finished = sorted(finished, reverse=True)[: self._beams]
            if not going or self._is_over(finished, going[0][0], length, most):
                break
            order = [row for _, row, _ in going]
            self._decoder.reorder(order)
            rows = [[*rows[row], token] for _, row, token in going]
            scores = np.array([score for score, _, _ in going], dtype=np.float32)
            ids = np.array([[tokens[-1]] for tokens in rows], dtype=np.int64)
        best_tokens = max(finished).tokens if finished else rows[int(scores.argmax())]
        yield from best_tokens

    def _log_probabilities(self, logits: Floats, choice: Choice) -> Floats:
        shifted = logits - logits.max()
        row: Floats = shifted - np.log(np.exp(shifted).sum(dtype=np.float32))
        choice.rule_out(row)
        return row

    def _candidates(self, totals: Floats) -> list[tuple[float, int, int]]:
        """Return the best continuations, enough that ``beams`` go on when others end."""
        count = max(2, 1 + len(self._config.eos)) * self._beams
        flat = totals.ravel()
        places = np.argpartition(-flat, count)[:count]
        places = places[np.lexsort((places, -flat[places]))]
        vocabulary = totals.shape[1]
        return [
            (float(flat[place]), int(place // vocabulary), int(place % vocabulary))
            for place in places
        ]

    def _normal(self, score: float, length: int) -> float:
        return score / float(length**self._config.length_penalty)

    def _is_over(self, finished: Sequence[_Finished], best: float, length: int, most: int) -> bool:
        """Whether nothing that goes on can become better than what is finished."""
        if len(finished) < self._beams:
            return False
        stopping = self._config.early_stopping
        if stopping is True:
            return True
        longest = most if stopping == "never" and self._config.length_penalty > 0 else length
        return finished[-1].score >= self._normal(best, longest)
