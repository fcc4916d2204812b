from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from edge_export.calibrate import calibrate
from edge_export.fitting import drift_edges, fit_calibration
from edge_export.signing import sign_bundle, write_new_key
from edge_export.train.evaluation import Judged
from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, ConfigError, UnsupportedTaskError
from edge_runtime.routing.calibration import binomial_tail
from edge_runtime.routing.confidence import calibrated, confidence, features
from edge_runtime.routing.drift import SHARES
from edge_runtime.tasks.encoder import Encoder

from .test_evaluate import TAGS, Table, labels, make_bundle, rows, run

RIGHT = {"apple": 0.999, "pear": 0.95, "hm": 0.5, "what": 0.98}
WORDS: Table = {
    "apple": [6, 0, 0], "pear": [0, 4, 0], "hm": [0.5, 0, 0], "what": [0, 0, 5], "the": [0.1, 0, 0],
    "a": [0, 0.2, 0],
}  # fmt: skip
HEAD = labels("apple", "pear", "oos", out_of_scope="oos")


def _data(path: Path, count: int, *, seed: int = 0) -> Path:
    """Rows whose label is the model's own as often as its logits deserve."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        word = str(rng.choice(list(RIGHT)))
        own = HEAD.labels[int(np.argmax(WORDS[word]))]
        other = "pear" if own == "apple" else "apple"
        filler = " ".join(rng.choice(["the", "a"], size=rng.integers(0, 4)))
        pairs.append((f"{filler} {word}".strip(), own if rng.random() < RIGHT[word] else other))
    return rows(path, *pairs)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "b", {"intent": (HEAD, WORDS)})


def _hashes(directory: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in directory.iterdir()}


def test_the_manifest_says_what_was_proven_and_nothing_else_changes(
    bundle: Bundle, tmp_path: Path
) -> None:
    before = _hashes(bundle.path)
    data = _data(tmp_path / "data.tsv", 2000)
    result = run("calibrate", bundle.path, "--data", data, "--alpha", "0.04")
    assert "error <= 0.04 with certainty 0.95 from confidence" in result.stdout
    assert "text/s" in result.stderr
    after = _hashes(bundle.path)
    assert {name for name in after if after[name] != before.get(name)} == {"bundle.json"}

    found = Store(None).open(str(bundle.path)).manifest.calibration["intent"]
    assert (found.alpha, found.delta) == (0.04, 0.05)
    assert found.threshold is not None
    assert found.accepted is not None
    assert found.errors is not None
    assert binomial_tail(found.errors, found.accepted, found.alpha) <= found.delta
    # 70 % of the rows test, and three of four words are given as answers, "what" is not; "hm" is
    # not sure enough
    assert found.n == pytest.approx(1050, abs=60)
    assert found.coverage == pytest.approx(0.5, abs=0.05)
    assert found.auroc is not None
    assert found.auroc > 0.8
    assert found.temperature is not None


def test_the_device_accepts_as_often_as_the_manifest_says(bundle: Bundle, tmp_path: Path) -> None:
    data = _data(tmp_path / "data.tsv", 1000)
    _, found, _ = calibrate(bundle, data, alpha=0.05, delta=0.05, seed=4)
    opened = Store(None).open(str(bundle.path))
    texts = [line.split("\t")[0] for line in data.read_text().splitlines()[1:]]
    held_out = np.random.default_rng(4).permutation(len(texts))[300:]
    accepted = 0
    for text in (texts[i] for i in held_out):
        logits = Encoder(opened).encode([text])[0].mean("intent")
        sure = confidence(logits, HEAD, opened.manifest.calibration["intent"])
        accepted += sure >= (found.threshold or 2) and int(logits.argmax()) != 2
    assert accepted == found.accepted


def test_a_head_without_a_guarantee_says_so(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"intent": (HEAD, WORDS)})
    rng = np.random.default_rng(0)
    guessed = [("hm", str(rng.choice(["apple", "pear"]))) for _ in range(400)]
    data = rows(tmp_path / "data.tsv", *guessed)
    result = run("calibrate", bundle.path, "--data", data)
    assert "carries no guarantee" in result.stdout
    written = Store(None).open(str(bundle.path)).manifest.calibration["intent"]
    assert (written.threshold, written.coverage, written.accepted) == (None, 0.0, 0)


def test_a_head_that_is_always_right_is_written_and_read(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"intent": (HEAD, WORDS)})
    data = rows(tmp_path / "data.tsv", *[("apple", "apple"), ("the pear", "pear")] * 100)
    calibrate(bundle, data, alpha=0.05, delta=0.05)
    written = Store(None).open(str(bundle.path)).manifest.calibration["intent"]
    assert (written.auroc, written.temperature, written.coverage) == (None, None, 1.0)


@pytest.mark.parametrize("always", ["apple", "oos"])
def test_texts_that_are_all_alike_are_no_traceback(tmp_path: Path, always: str) -> None:
    bundle = make_bundle(tmp_path / "b", {"intent": (HEAD, WORDS)})
    text = "apple" if always == "apple" else "what"
    data = rows(tmp_path / "data.tsv", *[(text, always)] * 200)
    calibrate(bundle, data, alpha=0.05, delta=0.05)
    written = Store(None).open(str(bundle.path)).manifest.calibration["intent"]
    assert written.coverage == (1.0 if always == "apple" else 0.0)


def test_what_a_newer_exporter_wrote_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.path / "bundle.json"
    other = Calibration([], [], 0.0, 0.1, 0.1, 5, None, 0.0, None, "other")
    document = {**json.loads(path.read_text()), "mood": "sunny"}
    document["calibration"] = {"other": {**_asdict(other), "more": 1}}
    path.write_text(json.dumps(document))
    calibrate(Store(None).open(str(bundle.path)), _data(tmp_path / "d.tsv", 300), alpha=0.1,
              delta=0.1)  # fmt: skip
    written = json.loads(path.read_text())
    assert written["mood"] == "sunny"
    assert list(written["calibration"]) == ["other", "intent"]
    assert written["calibration"]["other"]["more"] == 1


def _asdict(found: Calibration) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__struct_fields__}


def test_a_signature_that_no_longer_fits_is_removed_and_said(
    bundle: Bundle, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    write_new_key(key)
    sign_bundle(bundle.path, key)
    data = _data(tmp_path / "data.tsv", 300)
    result = run("calibrate", bundle.path, "--data", data, "--json")
    assert json.loads(result.stdout)["head"] == "intent"
    assert result.stderr.count("signature no longer fits and was removed") == 1
    assert Store(None).open(str(bundle.path)).manifest.signature is None
    assert "signature" not in run("calibrate", bundle.path, "--data", data).stderr


def test_an_interrupted_write_leaves_the_manifest_as_it_was(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _hashes(bundle.path)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        calibrate(bundle, _data(tmp_path / "data.tsv", 300), alpha=0.1, delta=0.1)
    assert _hashes(bundle.path) == before


def test_too_few_rows_name_how_many_it_takes(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 117 rows.*takes 118"):
        calibrate(bundle, _data(tmp_path / "data.tsv", 117), alpha=0.05, delta=0.05)
    calibrate(bundle, _data(tmp_path / "data.tsv", 118), alpha=0.05, delta=0.05)


def test_an_unknown_label_is_named_with_its_line(bundle: Bundle, tmp_path: Path) -> None:
    data = _data(tmp_path / "data.tsv", 200)
    data.write_text(data.read_text() + "apple\tplum\n")
    with pytest.raises(ConfigError, match=r"data\.tsv:202: 'plum' is no label of head 'intent'"):
        calibrate(bundle, data, alpha=0.05, delta=0.05)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (TAGS, "of type tagging"),
        (Head(type="embedding", output="intent"), "of type embedding"),
        (labels("a", "b", "c", "d", "e", multi_label=True), "several labels"),
    ],
)
def test_heads_without_one_right_answer_are_refused(tmp_path: Path, head: Head, says: str) -> None:
    bundle = make_bundle(tmp_path / "b", {head.output: (head, {"x": [0, 0, 0, 0, 0]})})
    with pytest.raises(UnsupportedTaskError, match=says):
        calibrate(bundle, tmp_path / "none.tsv", alpha=0.05, delta=0.05)


def test_which_head_must_be_said_when_there_are_several(tmp_path: Path) -> None:
    bundle = make_bundle(
        tmp_path / "b", {"intent": (HEAD, WORDS), "mood": (labels("a", "b", "c"), WORDS)}
    )
    data = _data(tmp_path / "data.tsv", 300)
    with pytest.raises(UnsupportedTaskError, match="intent, mood; choose with --head"):
        calibrate(bundle, data, alpha=0.05, delta=0.05)
    with pytest.raises(UnsupportedTaskError, match="no head 'taste'"):
        calibrate(bundle, data, head="taste", alpha=0.05, delta=0.05)
    assert calibrate(bundle, data, head="intent", alpha=0.05, delta=0.05)[0] == "intent"


@pytest.mark.parametrize(("alpha", "delta"), [(0.0, 0.05), (0.05, 1.0), (5.0, 0.05)])
def test_alpha_and_delta_are_probabilities(bundle: Bundle, alpha: float, delta: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        calibrate(bundle, Path("none.tsv"), alpha=alpha, delta=delta)


def test_a_directory_without_a_manifest_has_nothing_to_write_into(bundle: Bundle) -> None:
    loose = Bundle(bundle.path, bundle.manifest, verified=False)
    with pytest.raises(BundleError, match=r"no bundle\.json"):
        calibrate(loose, Path("none.tsv"), alpha=0.05, delta=0.05)


def test_the_edges_of_the_drift_alarm_have_their_share_below_them_at_most() -> None:
    rng = np.random.default_rng(11)
    too_high = 0
    for _ in range(300):
        edges = drift_edges(rng.random(600))
        assert edges == sorted(edges)
        assert len(edges) == len(SHARES)
        too_high += bool((np.array(edges) > SHARES).any())
    assert too_high <= 9  # one in a hundred is allowed
    assert len(drift_edges(rng.random(150))) < len(SHARES)


def test_few_rows_fit_and_most_test(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"intent": (HEAD, WORDS)})
    data = rows(tmp_path / "data.tsv", *[("apple", "apple"), ("the pear", "pear")] * 120)
    _, found, _ = calibrate(bundle, data, alpha=0.05, delta=0.05)
    assert (found.n, found.coverage) == (168, 1.0)


def _pool(size: int) -> Judged:
    """Logits of which the best is right as often as a softmax at temperature 2 says."""
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(size, 4)) * 12
    truth = (logits / 2 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    correct = logits.argmax(axis=1) == truth
    head = labels("a", "b", "c", "d", needs_large_model=["d"])
    return Judged(head, logits, truth, correct, np.ones(size, dtype=bool))


def test_the_whole_procedure_keeps_its_promise_over_a_thousand_splits() -> None:
    """Fit, rounding and refused answers included; each split judged on the pool it came from."""
    pool = _pool(10_000)
    found = features(pool.logits, pool.head)
    rng = np.random.default_rng(8)
    failures, temperatures, coverage = 0, [], []
    for seed in range(1000):
        drawn = rng.integers(len(pool.correct), size=500)
        arrays = (pool.logits, pool.truth, pool.correct, pool.in_scope)
        sample = Judged(pool.head, *(array[drawn] for array in arrays))
        fitted = fit_calibration(sample, alpha=0.05, delta=0.05, evaluation="split", seed=seed)
        temperatures.append(fitted.temperature)
        coverage.append(fitted.coverage)
        if fitted.threshold is not None:
            sure = calibrated(found, fitted.features, fitted.weights, fitted.bias)
            accepted = pool.given & (sure >= fitted.threshold)
            failures += bool((~pool.correct[accepted]).mean() > 0.05)
    assert failures / 1000 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.mean(coverage) > 0.25
    assert np.median(np.array(temperatures, dtype=float)) == pytest.approx(2, rel=0.1)
