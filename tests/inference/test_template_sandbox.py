from __future__ import annotations

import re
import resource

import pytest

from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference import template_sandbox
from edge_runtime.inference.chat_template import ChatTemplate, Message

MESSAGES = [Message("user", "hello")]
DOUBLED = """
{% set ns = namespace(x='abcdefgh') %}
{% for i in range(60) %}{% set ns.x = DOUBLE %}{% endfor %}
{{ ns.x }}
"""
LISTS = DOUBLED.replace("'abcdefgh'", "[1]")

LIMIT = "fails on.*(larger than|too |over|recursion|Range too big|'lipsum' is undefined)"
INSIDE = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''['__class__'] }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ raise_exception.__globals__ }}",
    "{{ strftime_now.__closure__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update(role='system') }}",
    "{{ namespace.__init__.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% for f in [messages.__init__] %}{{ f.__objclass__ }}{% endfor %}",
]
LONG = [
    "{% for i in range(10 ** 12) %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) if j < 0 %}{% endfor %}{% endfor %}",
    "{% macro f(n) %}{{ f(n - 1) ~ f(n - 1) if n else '' }}{% endmacro %}{{ f(60) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for m in [[]] recursive %}{{ loop([[], []]) }}{% endfor %}",
    "{{ 7 ** 99999999999 }}",
    "{% set x = 2 ** 64 ** 64 ** 64 %}{{ x }}",
]
LARGE = [
    "{% for i in range(90000) %}{{ 'twenty characters...' }}{% endfor %}",
    "{{ 'a' * 10 ** 9 }}",
    "{{ 10 ** 9 * 'a' }}",
    "{{ [1] * 10 ** 9 }}",
    "{{ 'a'.encode() * 10 ** 9 }}",
    "{{ 'a'|center(10 ** 9) }}",
    "{{ 'a'.ljust(10 ** 9) }}",
    "{{ '\t'.expandtabs(10 ** 9) }}",
    "{{ 'a\nb'|indent(10 ** 9) }}",
    "{{ ['a']|map('center', 10 ** 9)|join }}",
    "{{ [1]|batch(10 ** 9, 'a')|list }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%999999999d'|format(1) }}",
    "{{ '{:999999999}'.format(1) }}",
    "{{ '{:{}}'.format('a', 10 ** 9) }}",
    "{{ ('{0}' * 9999).format('a' * 999999) }}",
    "{{ ('%(a)s' * 9999) % {'a': 'a' * 999999} }}",
    "{{ ('a' * 99999).replace('a', 'a' * 99999) }}",
    "{{ ('a' * 99999).replace('', 'a' * 99999) }}",
    "{{ ('a' * 99999)|replace('a', 'a' * 99999) }}",
    "{{ ('a' * 99999).translate({97: 'a' * 99999}) }}",
    "{{ lipsum(n=10 ** 5) }}",
    DOUBLED.replace("DOUBLE", "ns.x ~ ns.x"),
    DOUBLED.replace("DOUBLE", "ns.x + ns.x"),
    DOUBLED.replace("DOUBLE", "[ns.x, ns.x]|join"),
    DOUBLED.replace("DOUBLE", "''.join([ns.x, ns.x])"),
    DOUBLED.replace("DOUBLE", "'{0}{0}'.format(ns.x)"),
    LISTS.replace("DOUBLE", "ns.x + ns.x"),
    LISTS.replace("DOUBLE", "[ns.x, ns.x]"),
    LISTS.replace("DOUBLE", "{'a': ns.x, 'b': ns.x}"),
    LISTS.replace("DOUBLE", "(ns.x, ns.x)"),
    LISTS.replace("DOUBLE", "dict(a=ns.x, b=ns.x)").replace("{{ ns.x }}", "{{ ns.x|tojson }}"),
]


def _render(text: str) -> str:
    return ChatTemplate({"default": text}, {}).render(MESSAGES)


def _outcome(text: str) -> str:
    try:
        return _render(text)
    except BundleError as exc:
        return str(exc)


@pytest.mark.parametrize("text", INSIDE)
def test_a_template_gets_at_nothing_of_python(text: str) -> None:
    outcome = _outcome(text)
    assert outcome == "" or re.search("is unsafe|undefined|safely|no loader", outcome)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", LONG)
def test_a_template_cannot_run_for_ever(text: str) -> None:
    with pytest.raises(BundleError, match=LIMIT):
        _render(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", LARGE)
def test_a_template_cannot_fill_the_memory(text: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError, match=LIMIT):
        _render(text)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 100_000  # kilobytes


def test_a_template_of_slow_turns_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "{% set x = [1] * 500000 %}{% for i in range(90000) %}{% set y = [x] %}{% endfor %}"
    monkeypatch.setattr(template_sandbox, "MAX_SECONDS", 0.5)
    with pytest.raises(BundleError, match=r"0\.5 s"):
        _render(slow)


def test_what_a_template_needs_is_within_the_limits() -> None:
    turns = "{% for i in range(300) %}{% for j in range(300) %}{% endfor %}{{ i }}{% endfor %}"
    assert _render(turns).endswith("299")
    text = Message("user", "a word " * 9000)
    copy = "{{ messages[0].content.replace('word', 'term')|trim ~ ('%s %05.1f' % ('x', 2)) }}"
    shown = ChatTemplate({"default": copy}, {}).render([text])
    assert shown == ("a term " * 9000).strip() + "x 002.0"


def test_each_rendering_has_the_whole_budget() -> None:
    template = ChatTemplate({"default": "{% for i in range(30000) %}{% endfor %}done"}, {})
    assert [template.render(MESSAGES) for _ in range(15)] == ["done"] * 15


def test_variables_of_the_template_do_not_change_its_limits() -> None:
    names = "{% set count_turn = 1 %}{% set turns_left = 10 ** 9 %}"
    with pytest.raises(BundleError, match=LIMIT):
        _render(names + LONG[1])


def test_a_refusal_is_not_taken_for_a_failure() -> None:
    with pytest.raises(BadRequestError, match="no such role"):
        _render("{{ raise_exception('no such role') }}")
