from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

from benchmarks.decoders import growth, lookup, shapes  # noqa: E402
from benchmarks.decoders.__main__ import main  # noqa: E402
from benchmarks.decoders.bench import CONTEXTS, MEMORY  # noqa: E402
from benchmarks.decoders.contestants import (  # noqa: E402
    DEFAULT,
    FORMS,
    LLAMA_Q8,
    entries,
)
from benchmarks.decoders.goals import goals  # noqa: E402
from benchmarks.decoders.real import make_real_source, make_tokenizer  # noqa: E402
from benchmarks.decoders.results import outlier_errors, roof_share, to_markdown  # noqa: E402
from benchmarks.decoders.weights import bytes_per_token  # noqa: E402
from benchmarks.decoders.workloads import WORKLOADS  # noqa: E402
from benchmarks.harness.alternation import Footprint, Runs, Sample  # noqa: E402
from benchmarks.harness.groups import group  # noqa: E402
from benchmarks.outliers.models import Config  # noqa: E402

_GROUP = group("smollm2-135m", 1)


def _tiny() -> Config:
    config: Config = transformers.LlamaConfig(
        vocab_size=200,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    return config


def _sample(contestant: str, case: str, part: str, seconds: float, units: int) -> Sample:
    return Sample(_GROUP, contestant, case, part, 1, seconds, seconds, units)


def test_every_goal_is_about_forms_and_contexts_that_are_measured() -> None:
    names = {form.name for form in FORMS}
    for shape in shapes.SHAPES:
        for threads in (1, 2):
            wanted = goals(shape, threads)
            assert wanted
            for goal in wanted:
                assert {goal.ours, goal.peer} <= names
                assert goal.case in {f"context {length}" for length in CONTEXTS}
                assert goal.part == "prefill" or CONTEXTS[int(goal.case.split()[1])] > 0


def test_only_two_peers_decide_goals_with_two_threads() -> None:
    assert {goal.peer for goal in goals("smollm2-135m", 2)} == {"llama.cpp Q8_0", "llama.cpp Q4_0"}


def test_the_shapes_are_those_of_the_real_models() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `export`")
    with torch.device("meta"):
        sizes = {
            name: transformers.AutoModelForCausalLM.from_config(make()).num_parameters()
            for name, make in shapes.SHAPES.items()
        }
    assert sizes == {"smollm2-135m": 134_515_008, "qwen2.5-0.5b": 494_032_768}


def test_a_peer_without_a_python_is_named_by_its_option(tmp_path: Path) -> None:
    source = tmp_path / "source"
    found = {each.name: each for each in entries(FORMS, source, {}, threads=1, context=9)}
    assert found[LLAMA_Q8].python is None
    assert found[LLAMA_Q8].option == "--llama-python"
    assert found[DEFAULT].python is not None
    assert found[DEFAULT].settings["model"] == str(tmp_path / "ours-int8-hybrid")


def test_a_table_that_is_only_looked_up_is_not_read_for_each_token(tmp_path: Path) -> None:
    helper = onnx.helper
    table = np.zeros((50, 8), np.float32)
    kernel = np.zeros((8, 50), np.int8)
    floats = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["x"]),
            helper.make_node("Cast", ["kernel"], ["w"], to=1),
            helper.make_node("MatMul", ["x", "w"], ["logits"]),
        ],
        "g",
        [floats("ids", onnx.TensorProto.INT64, [1])],
        [floats("logits", onnx.TensorProto.FLOAT, [1, 50])],
        [
            onnx.numpy_helper.from_array(table, "table"),
            onnx.numpy_helper.from_array(kernel, "kernel"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    for name, external in (("inside", False), ("beside", True)):
        (tmp_path / name).mkdir()
        onnx.save(
            model, tmp_path / name / "model.onnx", save_as_external_data=external,
            size_threshold=0, location="data",
        )  # fmt: skip
        assert bytes_per_token(tmp_path / name) == kernel.nbytes


def test_of_other_files_all_is_read(tmp_path: Path) -> None:
    (tmp_path / "Q8_0.gguf").write_bytes(b"12345")
    assert bytes_per_token(tmp_path / "Q8_0.gguf") == 5
    (tmp_path / "model.bin").write_bytes(b"123")
    assert bytes_per_token(tmp_path) == 3
    with pytest.raises(FileNotFoundError, match="no weights"):
        bytes_per_token(tmp_path / "nothing")


def test_the_share_of_memory_is_what_decode_reads_of_what_it_gives() -> None:
    samples = [
        _sample(DEFAULT, "context 64", "decode", 2.0, 10),
        _sample(DEFAULT, "context 64", "prefill", 9.0, 64),
        _sample(MEMORY, "context 64", "read", 1.0, 2000),
        _sample(MEMORY, "context 512", "read", 1.0, 7),
    ]
    assert roof_share(samples, DEFAULT, "context 64", 100) == pytest.approx(0.25)
    assert roof_share(samples, DEFAULT, "context 512", 100) is None


def test_the_table_names_rates_memory_and_who_is_missing() -> None:
    runs = Runs(
        samples=[
            _sample(DEFAULT, "context 64", "prefill", 0.5, 64),
            _sample(DEFAULT, "context 64", "decode", 2.0, 10),
            _sample(MEMORY, "context 64", "read", 1.0, 2_000_000_000),
        ],
        footprints={(_GROUP, DEFAULT): Footprint(0.25, 300_000_000, {})},
        missing={(_GROUP, LLAMA_Q8): "no --llama-python"},
    )
    forms = [form for form in FORMS if form.name in {DEFAULT, LLAMA_Q8}]
    table = to_markdown(runs, {(_GROUP, DEFAULT): 140_000_000}, forms, [])
    assert "| tokens/s (MAD) | prefill 64 | decode 64 | share of memory's rate |" in table
    assert "| 128.0 (0.0) | 5.0 (0.0) | 35% | 140 | 0.25 | 300 |" in table
    assert f"| {LLAMA_Q8} | missing: no --llama-python |" in table
    assert "Memory gives 2.0 GB/s." in table


def test_the_errors_on_outliers_stand_by_runtime_and_form(tmp_path: Path) -> None:
    results = [
        {"variant": variant, "runtime": "r", "form": form, "accuracy": accuracy}
        for variant, form, accuracy in (
            ("plain", "a", {"relative_error": 0.5}),
            ("outliers", "a", {"relative_error": 0.25}),
            ("outliers", "b", None),
        )
    ]
    (tmp_path / "results.json").write_text(json.dumps({"results": results}))
    assert outlier_errors(tmp_path / "results.json") == {("r", "a"): 0.25}
    assert outlier_errors(tmp_path / "nothing") == {}


def test_growth_is_of_all_of_prefill_and_of_one_decoded_token() -> None:
    samples = []
    for length in (100, 200, 400):
        samples.append(_sample("a", f"context {length}", "prefill", 1e-6 * length**2, length))
        samples.append(_sample("a", f"context {length}", "decode", 0.32, 32))
    prefill, decode = growth.curves(samples)
    assert (prefill.part, prefill.tokens) == ("prefill", [100, 200, 400])
    assert prefill.growth.exponent == pytest.approx(2)
    assert decode.ms == pytest.approx([10, 10, 10])
    assert decode.growth.exponent == pytest.approx(0)


def test_workloads_have_names_of_their_own_and_one_does_not_repeat_its_input() -> None:
    assert len({each.name for each in WORKLOADS}) == len(WORKLOADS)
    assert [each.repeats_input for each in WORKLOADS].count(False) == 1


def test_an_output_that_differs_from_greedy_is_seen() -> None:
    runs = Runs(samples=[_sample("int8, plain", "summary", "decode", 1, 1)])
    made = {"plain": [1, 2, 3], "prompt lookup": [1, 2, 4]}
    for way, tokens in made.items():
        for each in WORKLOADS[:2]:
            runs.facts[_GROUP, f"int8, {way}", each.name] = {"made": tokens}
    runs.facts[_GROUP, "int8, prompt lookup", WORKLOADS[1].name] = {"made": [1, 2, 3]}
    outputs = lookup.compare_outputs(runs, ["int8"])
    assert [(each.workload, each.is_same) for each in outputs] == [
        (WORKLOADS[0].name, False),
        (WORKLOADS[1].name, True),
    ]


def test_the_tokenizer_of_a_gguf_splits_digits_and_keeps_special_tokens() -> None:
    letters = ["a", "b", "1", "2", "Ġ", "Ċ"]
    tokens = ["<|end|>", "<|start|>", "<|stop|>", *letters, "ab", "Ġab"]
    tokenizer = make_tokenizer(
        {
            "tokens": tokens,
            "kinds": [3, 3, 3, *[1] * (len(tokens) - 3)],
            "merges": ["a b", "Ġ ab"],
            "chat_template": "{{ messages[0]['content'] }}",
        }
    )
    assert tokenizer("<|start|>ab ab12\n")["input_ids"] == [1, 9, 10, 5, 6, 8]
    assert tokenizer.decode([1, 9, 10], skip_special_tokens=True) == "ab ab"
    said = [{"role": "user", "content": "ab"}]
    assert tokenizer.apply_chat_template(said, tokenize=False) == "ab"


def test_a_gguf_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named gguf' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(OSError, match=r"^No module named gguf$"):
        make_real_source(tmp_path / "model.gguf", python, tmp_path / "source")


@pytest.mark.export
def test_a_whole_run_measures_who_is_here_and_names_who_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(shapes.SHAPES, "smollm2-135m", _tiny)
    arguments = ["--shapes", "smollm2-135m", "--threads", "1", "--rounds", "2"]
    here = [DEFAULT, "optimum dynamic int8", "optimum fp32", "transformers fp32"]
    arguments += ["--forms", *here, LLAMA_Q8, "--work", str(tmp_path / "work")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["missing"] == [
        {"group": _GROUP, "contestant": LLAMA_Q8, "reason": "no --llama-python"}
    ]
    parts = {(f["contestant"], f["case"], f["part"]) for f in document["figures"]}
    for name in here:
        assert (name, "context 512", "decode") in parts
        assert (name, "context 128", "prefill") in parts
    made = {f["contestant"]: f["made"] for f in document["facts"] if f["case"] == "context 64"}
    assert len(made["transformers fp32"]) == 33
    assert made["optimum fp32"] == made["transformers fp32"]
    assert made[DEFAULT][0] == made["transformers fp32"][0]
    assert {goal["is_met"] for goal in document["goals"]} == {None}
    assert (tmp_path / "out/plot.png").exists()
    assert str(tmp_path) not in json.dumps(document)
