"""The benchmark of what a bundle knows of its own answers, on a tiny decoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.written import __main__ as command
from benchmarks.written.cost import costs
from benchmarks.written.signals import ALL, MARGINS, by_chance, crossed, gain, ranked
from edge_export.evaluation.written import Written
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.text_output import Generation
from tests.tiny_decoder import save_tiny_decoder

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny decoder that reads the long questions, byte by byte."""
    pytest.importorskip("transformers", reason="needs the extra `export`")
    from edge_export.convert import Options, convert

    directory = tmp_path_factory.mktemp("roomy")
    source = save_tiny_decoder(directory / "source", length=1024)
    convert(Options(model=str(source), output=directory / "tiny", quantization="fp32",
                    allow_drop=True))  # fmt: skip
    return directory / "tiny"


def test_every_set_is_ranked_by_every_signal(
    roomy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    for folder, name, line in (
        ("rotten_tomatoes_mr", "dev.tsv", "text\tlabel\n" + "a\tpositive\nb\tnegative\n" * 6),
        ("hwu64", "dev.jsonl", '{"text": "a", "domain": "x"}\n{"text": "b", "domain": "y"}\n' * 6),
    ):
        (data / folder).mkdir(parents=True)
        (data / folder / name).write_text(line)

    command.main(
        ["--data", str(data), "--bundle", str(roomy), "--rows", "12", "--rounds", "2",
         "--out", str(tmp_path / "out")]
    )  # fmt: skip

    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(document["sets"]) == ["film reviews: polarity", "requests: topic", "sums"]
    for each in document["sets"].values():
        assert each["n"] == 12
        assert {"mean token entropy", "length", MARGINS, ALL} <= set(each["auroc"])
    assert [each["same_text"] for each in document["cost"]] == [2, 2]
    assert (tmp_path / "out" / "table.md").is_file()


def test_a_probe_is_compared_with_a_graph_that_has_no_output_for_it(tiny_decoder: Path) -> None:
    bundle = Store(None).open(str(tiny_decoder))
    before = sorted(path.name for path in tiny_decoder.parent.iterdir())

    found = costs(bundle, [list(range(3, 40)), list(range(40, 90))], 4)

    assert [each.over for each in found] == [
        "an output that nobody reads", "a graph without the output",
    ]  # fmt: skip
    assert all(each.same_text == each.rounds == 4 for each in found)
    assert sorted(path.name for path in tiny_decoder.parent.iterdir()) == before


def test_a_ranking_says_how_sure_it_is() -> None:
    right = np.arange(200) % 2 == 0
    rng = np.random.default_rng(0)
    good, noise = right + rng.normal(size=200), rng.normal(size=200)

    found = gain(good, noise, right)

    assert found.low is not None
    assert found.low > 0
    assert ranked(good, np.ones(200, dtype=bool)).value is None


def test_nothing_is_read_by_what_was_fitted_on_it() -> None:
    right = np.arange(100) % 3 == 0
    answers = [Generation("", 1, 1, 1.0, 1.0, 1.0, "stop", mean_margin=float(i))
               for i in range(100)]  # fmt: skip
    written = Written([[i] for i in range(100)], answers, right)

    def read(fitted: Written, held_out: Written, _: object) -> np.ndarray:
        assert not {each[0] for each in fitted.prompts} & {each[0] for each in held_out.prompts}
        assert fitted.count + held_out.count == 100
        return np.array([float(each[0]) for each in held_out.prompts])

    assert crossed(written, read).tolist() == list(range(100))


def test_chance_makes_a_gap_that_more_answers_close() -> None:
    rng = np.random.default_rng(0)

    assert by_chance(rng.random(4500)) < by_chance(rng.random(300)) / 2
