from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import BundleError
from edge_runtime.inference.penalties import Penalties
from edge_runtime.inference.sampling import Floats, Sampling, _draw, candidates, make_sampler

SETTINGS = [
    Sampling(temperature=1.0),
    Sampling(temperature=0.6, top_k=40),
    Sampling(temperature=1.3, top_k=2),
    Sampling(temperature=0.8, top_p=0.9),
    Sampling(temperature=2.0, top_p=0.999),
    Sampling(temperature=1.0, top_p=0.0),
    Sampling(temperature=0.8, min_p=0.05),
    Sampling(temperature=0.7, top_k=50, top_p=0.8, min_p=0.1),
    Sampling(temperature=1.5, top_p=0.95, min_p=0.01),
]


def _logits(seed: int, size: int, spread: float) -> Floats:
    random = np.random.default_rng(seed)
    return (random.standard_normal(size) * spread).astype(np.float32)


def _probabilities(sampling: Sampling, logits: Floats) -> npt.NDArray[np.float64]:
    ids, weights = candidates(sampling, logits)
    full = np.zeros(logits.size)
    full[slice(None) if ids is None else ids] = weights / weights.sum(dtype=np.float64)
    return full


def _expected(sampling: Sampling, logits: Floats) -> npt.NDArray[np.float64]:
    """The definition, token by token, in double precision."""
    weights = np.exp((logits.astype(np.float64) - float(logits.max())) / sampling.temperature)
    order = np.argsort(-weights)
    if sampling.top_k:
        order = order[: sampling.top_k]
    mass = 0.0
    kept: list[int] = []
    for token in order:
        if kept and mass >= sampling.top_p * weights[order].sum():
            break
        mass += weights[token]
        kept.append(token)
    kept = [token for token in kept if weights[token] >= sampling.min_p * weights[order[0]]]
    full = np.zeros(logits.size)
    full[kept] = weights[kept] / weights[kept].sum()
    return full


@pytest.mark.parametrize("sampling", SETTINGS, ids=repr)
@pytest.mark.parametrize(("size", "spread"), [(7, 1.0), (700, 0.01), (5000, 2.0), (49152, 9.0)])
def test_the_distribution_is_the_one_that_the_settings_define(
    sampling: Sampling, size: int, spread: float
) -> None:
    logits = _logits(size, size, spread)
    got, expected = _probabilities(sampling, logits), _expected(sampling, logits)
    # one token may be on the edge of top_p in single precision
    assert abs(np.count_nonzero(got) - np.count_nonzero(expected)) <= 1
    np.testing.assert_allclose(got, expected, atol=2e-4 if size < 1000 else 2e-3)


@pytest.mark.export
@pytest.mark.parametrize("sampling", SETTINGS, ids=repr)
@pytest.mark.parametrize(("size", "spread"), [(7, 1.0), (300, 0.01), (5000, 3.0)])
def test_the_distribution_is_that_of_transformers(
    sampling: Sampling, size: int, spread: float
) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `export`")
    generation = pytest.importorskip("transformers.generation", reason="needs the extra `export`")
    warpers: list[Any] = [generation.TemperatureLogitsWarper(sampling.temperature)]
    if sampling.top_k:
        warpers.append(generation.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(generation.TopPLogitsWarper(sampling.top_p))
    if sampling.min_p > 0:
        warpers.append(generation.MinPLogitsWarper(sampling.min_p))
    for seed in range(5):
        logits = _logits(seed, size, spread)
        scores = torch.tensor(logits)[None]
        for warper in warpers:
            scores = warper(None, scores)
        expected = torch.softmax(scores[0].double(), dim=-1).numpy()
        got = _probabilities(sampling, logits)
        assert abs(np.count_nonzero(got) - np.count_nonzero(expected)) <= 1
        np.testing.assert_allclose(got, expected, atol=2e-4 if size < 1000 else 2e-3)


@pytest.mark.parametrize("size", [5, 3000])
def test_tokens_come_as_often_as_their_probability_says(size: int) -> None:
    logits = _logits(1, size, 2.0)
    sampling = Sampling(temperature=0.9, seed=3)
    sample = make_sampler(sampling)
    expected = _probabilities(sampling, logits)
    count = 20_000
    seen = np.bincount([sample(logits) for _ in range(count)], minlength=size)
    likely = expected * count > 20
    error = (seen - expected * count)[likely] / np.sqrt(expected[likely] * count)
    assert np.abs(error).max() < 5  # standard deviations
    assert seen[~likely].sum() == pytest.approx(expected[~likely].sum() * count, rel=0.1, abs=20)


@pytest.mark.parametrize("size", [3, 2000])
def test_a_token_without_weight_is_not_drawn_at_the_ends_either(size: int) -> None:
    weights = np.zeros(size, dtype=np.float32)
    weights[1:-1] = 0.1
    assert _draw(weights, 0.0) == 1
    assert _draw(weights, np.nextafter(1.0, 0.0)) == size - 2


def test_temperature_zero_takes_the_most_likely_token() -> None:
    logits = _logits(2, 1000, 1.0)
    for sampling in (Sampling(), Sampling(temperature=1e-9, top_k=5), Sampling(top_p=0.1)):
        assert make_sampler(sampling)(logits) == logits.argmax()


def test_the_same_seed_gives_the_same_tokens_and_another_one_others() -> None:
    logits = _logits(3, 2000, 1.0)

    def tokens(seed: int) -> list[int]:
        sample = make_sampler(Sampling(temperature=1.0, seed=seed))
        return [sample(logits) for _ in range(20)]

    assert tokens(-1) == tokens(-1) != tokens(1)


def test_equal_logits_are_no_reason_to_keep_more_than_top_p_asks() -> None:
    ids, weights = candidates(Sampling(temperature=1.0, top_p=0.5), np.zeros(1000, np.float32))
    assert ids is not None
    assert len(ids) == len(weights) == len(set(ids.tolist())) == 500


@given(
    st.lists(st.sampled_from([-np.inf, -3.0, 0.0, 1.0, 50.0]), min_size=1, max_size=600),
    st.sampled_from(SETTINGS),
    st.integers(0, 2**32),
)
def test_a_token_that_was_ruled_out_is_never_taken(
    values: list[float], sampling: Sampling, seed: int
) -> None:
    logits = np.array([*values, 0.5], dtype=np.float32)
    token = make_sampler(msgspec.structs.replace(sampling, seed=seed))(logits)
    assert logits[token] > -np.inf


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_k=2)])
@pytest.mark.parametrize("bad", [[1.0, np.nan, 0.0, 2.0], [-np.inf] * 4])
def test_logits_without_a_next_token_are_an_error(sampling: Sampling, bad: list[float]) -> None:
    with pytest.raises(BundleError, match="no next token"):
        make_sampler(sampling)(np.array(bad, dtype=np.float32))


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 1.1},
        {"min_p": -1},
        {"repetition_penalty": 0.0},
        {"presence_penalty": 2.5},
        {"frequency_penalty": float("inf")},
    ],
)
def test_a_wrong_value_is_refused_by_its_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**wrong, "no_such": 1}, Sampling)


TOKENS = st.lists(st.integers(0, 29), max_size=90)


@pytest.mark.export
@given(TOKENS.filter(bool), TOKENS, st.floats(0.5, 2.0))
def test_the_repetition_penalty_is_that_of_transformers(
    prompt: list[int], output: list[int], penalty: float
) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `export`")
    generation = pytest.importorskip("transformers.generation", reason="needs the extra `export`")
    logits = _logits(len(prompt), 30, 3.0)
    processor = generation.RepetitionPenaltyLogitsProcessor(penalty)
    expected = processor(torch.tensor([prompt + output]), torch.tensor(logits)[None])[0].numpy()
    penalties = Penalties(Sampling(repetition_penalty=penalty), prompt)
    for token in output:
        penalties.add(token)
    penalties.apply(logits)
    np.testing.assert_allclose(logits, expected, rtol=1e-6)


@given(TOKENS, TOKENS)
def test_presence_and_frequency_count_the_output_alone(
    prompt: list[int], output: list[int]
) -> None:
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=-0.25)
    penalties = Penalties(sampling, prompt)
    for token in output:
        penalties.add(token)
    logits = np.zeros(30, dtype=np.float32)
    penalties.apply(logits)
    counts = [output.count(token) for token in range(30)]
    assert logits.tolist() == [0.25 * count - 0.5 * (count > 0) for count in counts]


def test_neutral_penalties_say_so_and_change_nothing() -> None:
    penalties = Penalties(Sampling(temperature=0.7, top_k=5), [1, 2])
    penalties.add(3)
    logits = _logits(4, 10, 1.0)
    before = logits.copy()
    penalties.apply(logits)
    assert penalties.is_neutral
    assert logits.tolist() == before.tolist()
    assert not Penalties(Sampling(presence_penalty=0.1), []).is_neutral
