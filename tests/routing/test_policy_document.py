from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundles.manifest import Manifest
from edge_runtime.bundles.store import Store
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.policy_document import Problem, read_policy, warnings
from edge_runtime.routing.toml_lines import line_numbers, line_of

WHOLE = """\
privacy = "cloud"
when_offline = "local"

[[rules]]
name = "a"
intent = ["weather",
  "time"]   # two of them
privacy = "local"

[budget.day]
requests = 100
[budget.client.month]
cost_usd = 1.5

[gates]
quiet_hours = ["22:00-07:00"]
"""


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Store(None).open().manifest


def lines(text: str) -> list[tuple[int, str]]:
    policy, problems = read_policy(text)
    assert (policy is None) == bool(problems)
    return [(each.line, each.said) for each in problems]


def test_a_whole_policy_is_read() -> None:
    policy, problems = read_policy(WHOLE)
    assert problems == []
    assert policy is not None
    assert (policy.privacy, policy.rules[0].intent) == ("cloud", ("weather", "time"))
    assert policy.budget.client.month.cost_usd == 1.5
    assert policy.gates.quiet_hours == ("22:00-07:00",)


def test_an_empty_document_is_the_default_policy() -> None:
    assert read_policy("") == (OwnerPolicy(), [])


@pytest.mark.parametrize(
    ("replaced", "by", "line", "part"),
    [
        ('privacy = "cloud"', 'privacy = "clod"', 1, "'clod'"),
        ('when_offline = "local"', "when_ofline = 1", 2, "unknown field `when_ofline`"),
        ('when_offline = "local"', "deadline_ms = 0", 2, "deadline_ms must be positive"),
        ('when_offline = "local"', "max_cost_usd = nan", 2, "max_cost_usd must be 0 or more"),
        ('name = "a"', "deny = 3", 5, "deny"),
        ('  "time"]', "  3]", 6, "intent"),
        ('privacy = "local"', "privacy = 3", 8, "privacy"),
        ('privacy = "local"', "", 4, "needs an effect"),
        ("requests = 100", "requests = -1", 11, "requests must be 0 or more"),
        ("cost_usd = 1.5", 'cost_usd = "1"', 13, "cost_usd"),
        ("22:00-07:00", "22-7", 16, "22:00-07:00, not '22-7'"),
        ("[gates]", "[gate]", 15, "unknown field `gate`"),
        ("[gates]", "[gates", 15, "column"),
        ("requests = 100", "requests = 100\nrequests = 1", 12, "Cannot overwrite a value"),
    ],
)
def test_every_error_names_its_line(replaced: str, by: str, line: int, part: str) -> None:
    [(found, said)] = lines(WHOLE.replace(replaced, by, 1))
    assert (found, part in said) == (line, True), (found, said)


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ('PLCE = "redact"', "'PLCE'"),
        ('PLACE = "remove"', "'remove'"),
        ("PLACE = 3", "Expected `str`"),
        ('LITERAL = "keep"', "'LITERAL'"),
    ],
)
def test_an_error_in_the_choice_of_kinds_names_its_line(entry: str, part: str) -> None:
    [(line, said)] = lines(f'\n[redaction]\nCARD = "block"\n{entry}\nIP = "keep"\n')
    assert (line, part in said) == (4, True), (line, said)


def test_all_errors_are_told_at_once() -> None:
    wrong = WHOLE.replace("cloud", "clod").replace("100", "-1").replace('"local"\n\n[b', "3\n\n[b")
    assert [line for line, _ in lines(wrong)] == [1, 8, 11]


def test_lines_are_found_behind_all_that_toml_allows() -> None:
    text = '''\
a = """
[not]
a header = 1
"""
"b.c".d = 1 # [x]
e = [ # ]
  "]", [
  '[' ],
]
[t."u v"] # [no]
w = { x = 1, y = "}" }
[[z]]
[z.sub]
k = 'one'
[[z]]
k = 2
'''
    found = line_numbers(text)
    expected = {
        ("a",): 1, ("b.c", "d"): 5, ("e",): 6, ("t", "u v"): 10, ("t", "u v", "w"): 11,
        ("z", 0): 12, ("z", 0, "sub", "k"): 14, ("z", 1): 15, ("z", 1, "k"): 16,
    }  # fmt: skip
    assert {path: found.get(path) for path in expected} == expected
    assert line_of(found, ("t", "u v", "w", "x")) == 11


keys = st.text(st.sampled_from("a][\"=#.'\\ "), min_size=1, max_size=6)


@given(st.lists(st.lists(keys, min_size=1, max_size=3), max_size=5, unique_by=lambda each: each[0]))
def test_keys_are_found_however_they_are_written(tables: list[list[str]]) -> None:
    text = ""
    expected = {}
    for number, path in enumerate(tables):
        header = ".".join(json.dumps(each) for each in path)
        text += f"[ {header} ] # ]=\n{json.dumps(path[0])} = {{ 'x=' = [']'] }}\n"
        expected[*path] = 2 * number + 1
        expected[*path, path[0]] = 2 * number + 2
    tomllib.loads(text)
    found = line_numbers(text)
    assert {path: found.get(path) for path in expected} == expected


@given(st.text(st.sampled_from("ab=[]{}\"'#\n .,1"), max_size=60))
def test_whatever_is_written_is_a_policy_or_has_problems_on_its_lines(text: str) -> None:
    policy, problems = read_policy(text)
    assert (policy is None) == bool(problems)
    assert all(1 <= each.line <= text.count("\n") + 1 for each in problems)


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ('intent = ["wether"]', "intent wether: the bundle has none such; it can never match"),
        ('intent = ["wether", "weather"]', "intent wether: the bundle has none such"),
        ('entity = ["PERSN"]', "it can never match"),
        ('command = ["alarm_set"]', "no head for command"),
        ('language = ["english"]', "it can never match"),
    ],
)
def test_conditions_that_the_bundle_does_not_know_are_warned_of(
    condition: str, part: str, manifest: Manifest
) -> None:
    if "head for command" in part and "command" in manifest.heads:
        pytest.skip("this bundle has the head")
    text = f"[[rules]]\ndeny = true\n\n{condition}\n"
    policy, _ = read_policy(text)
    assert policy is not None
    [problem] = warnings(policy, manifest, text)
    assert (problem.line, problem.is_warning, part in problem.said) == (4, True, True), problem


def test_a_rule_that_changes_nothing_is_warned_of(manifest: Manifest) -> None:
    text = 'privacy = "redact"\n[[rules]]\nintent = ["weather"]\nprivacy = "cloud"\n'
    policy, _ = read_policy(text)
    assert policy is not None
    [problem] = warnings(policy, manifest, text)
    assert problem == Problem(2, problem.said, is_warning=True)
    assert "changes nothing" in problem.said


def test_a_good_policy_has_no_warnings(manifest: Manifest) -> None:
    policy, _ = read_policy(WHOLE)
    assert policy is not None
    assert warnings(policy, manifest, WHOLE) == []
