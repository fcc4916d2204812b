"""A chat template as compiled code that cannot do harm; the only import of jinja2.

What jinja2's sandbox leaves open is closed here: how long loops run, and how large values get.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, TypeVar

import jinja2
from jinja2 import ext, nodes, runtime, sandbox, visitor
from jinja2.parser import Parser

MAX_SIZE = 1 << 20  # characters of a text, entries of a list with all that is in it
MAX_TURNS = 250_000  # of all loops, and calls of all macros
MAX_SECONDS = 10.0  # where each turn is slow
_MAX_BITS = 4096
_MAX_EXPONENT = 64
# no template can spell a name with a space
_BUDGET = "turns left"
_TURN, _CHECKED = "count turn", "check size"
_Value = TypeVar("_Value")
_GROWING = {"format", "replace"}  # filters
_WIDE_FORMAT = re.compile(r"\d{6}|\*")


class RaisedError(jinja2.TemplateError):
    """The template called ``raise_exception``: it does not take these messages."""


class Program:
    """A compiled template, as transformers compiles it.

    Raises:
        jinja2.TemplateError: the source is no template.
    """

    def __init__(self, source: str, now: Callable[[], datetime]) -> None:
        environment = _Environment(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_Generation, ext.loopcontrols],
        )
        environment.filters = {
            name: _bounded(function) for name, function in environment.filters.items()
        }
        environment.filters["tojson"] = _bounded(_tojson)
        environment.filters |= {_TURN: _turn, _CHECKED: _checked}
        del environment.globals["lipsum"]
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = lambda format: now().strftime(format)  # noqa: A006
        tree = _Limits().visit(environment.parse(source))
        self._template = jinja2.Template.from_code(
            environment, environment.compile(tree), environment.make_globals(None)
        )

    def render(self, variables: Mapping[str, object]) -> str:
        """Return the text.

        Raises:
            RaisedError: the template refuses what it was given.
            Exception: of any class, as the template fails.
        """
        pieces: list[str] = []
        size = 0
        for piece in self._template.generate({**variables, _BUDGET: _Budget()}):
            size += len(piece)
            if size > MAX_SIZE:
                raise jinja2.exceptions.SecurityError(f"its text has over {MAX_SIZE} characters")
            pieces.append(piece)
        return "".join(pieces)


class _Environment(sandbox.ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(
        self, context: runtime.Context, operator: str, left: object, right: object
    ) -> object:
        if operator == "*":
            _check_repetition(left, right)
        elif operator == "**":
            _check_power(right)
        elif operator == "%" and isinstance(left, str):
            _check_format(left, right)
        return _checked(super().call_binop(context, operator, left, right))

    # positional-only, as the call's own keywords may have any name
    def call(
        self, context: runtime.Context, callee: object, /, *args: object, **kwargs: object
    ) -> object:
        _check_arguments([*args, *kwargs.values()])
        # around a format method the sandbox has put a function
        method = getattr(callee, "__wrapped__", callee)
        text, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if isinstance(text, str):
            _check_text_method(text, name, [*args, *kwargs.values()])
        return _checked(super().call(context, callee, *args, **kwargs))


class _Generation(ext.Extension):
    """The tag ``generation``, which marks the model's own words: here they are like any other."""

    tags = {"generation"}  # noqa: RUF012 - declared so by jinja2

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _Limits(visitor.NodeTransformer):
    """Counts each turn of a loop and call of a macro; checks what puts values together."""

    def _with_turn(self, node: nodes.For | nodes.Macro | nodes.CallBlock) -> nodes.Node:
        self.generic_visit(node)
        turn = _filtered(nodes.Const(True), _TURN, node.lineno)  # noqa: FBT003 - jinja2's own
        if isinstance(node, nodes.For) and node.test is not None:
            node.test = nodes.And(turn, node.test, lineno=node.lineno)
        else:
            node.body.insert(0, nodes.ExprStmt(turn, lineno=node.lineno))
        return node

    visit_For = visit_Macro = visit_CallBlock = _with_turn  # noqa: N815 - named by jinja2

    def _with_check(self, node: nodes.Expr) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node, nodes.Tuple) and node.ctx != "load":
            return node
        return _filtered(node, _CHECKED, node.lineno)

    visit_Concat = visit_List = visit_Tuple = visit_Dict = _with_check  # noqa: N815


def _filtered(node: nodes.Expr, name: str, line: int) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=line)


class _Budget:
    """What one rendering has left."""

    def __init__(self) -> None:
        self._turns = MAX_TURNS
        self._until = time.monotonic() + MAX_SECONDS

    def _spend(self) -> None:
        self._turns -= 1
        if self._turns < 0 or time.monotonic() > self._until:
            raise jinja2.exceptions.SecurityError(
                f"it takes over {MAX_TURNS} turns of loops, or {MAX_SECONDS:g} s"
            )


@jinja2.pass_context
def _turn(context: runtime.Context, value: object) -> object:
    budget: _Budget = context[_BUDGET]
    budget._spend()  # noqa: SLF001 - private, so that no template can call it
    return value


def _bounded(function: Callable[..., object]) -> Callable[..., object]:
    """Return a filter that refuses what is too large."""

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        value, *given = args[1:] if hasattr(function, "jinja_pass_arg") else args
        _checked(value)
        given += kwargs.values()
        _check_arguments(given)
        name = function.__name__.removeprefix("do_")
        _check_text_method(str(value) if name in _GROWING else "", name, given)
        return _checked(function(*args, **kwargs))

    return call


def _tojson(
    value: object,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002 - as transformers
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    """Return JSON without the HTML escapes of jinja2's own filter."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message: str) -> NoReturn:
    raise RaisedError(message)


def _check_repetition(left: object, right: object) -> None:
    for some, count in ((left, right), (right, left)):
        if isinstance(some, (str, bytes, list, tuple)) and isinstance(count, int):
            _check_size(len(some) * count)


def _check_power(exponent: object) -> None:
    if isinstance(exponent, int) and exponent > _MAX_EXPONENT:
        raise jinja2.exceptions.SecurityError(f"the power {exponent} is too high")


def _check_size(size: int) -> None:
    if size > MAX_SIZE:
        raise jinja2.exceptions.SecurityError(f"a value is larger than {MAX_SIZE}")


def _check_text_method(text: str, name: str, given: Sequence[object]) -> None:
    if name in {"format", "format_map"}:
        _check_format(text, given)
    elif name == "translate":
        _check_size(len(text) * _size(given))
    elif name == "replace" and len(given) > 1:
        old, new = str(given[0]), str(given[1])
        _check_size(len(text) + (text.count(old) if old else len(text) + 1) * len(new))


def _check_format(text: str, given: object) -> None:
    if _WIDE_FORMAT.search(text):
        raise jinja2.exceptions.SecurityError(f"the format {text[:80]!r} is too wide")
    _check_size((text.count("%") + text.count("{")) * _size(given))


def _check_arguments(values: Iterable[object]) -> None:
    """Refuse numbers that may be widths and counts."""
    for value in values:
        if isinstance(value, int):
            _check_size(abs(value))
        _checked(value)


def _checked(value: _Value) -> _Value:
    """Return a value that is not too large."""
    _size(value)
    return value


def _size(value: object) -> int:
    """Return how large a value is with all that is in it, and refuse one that is too large."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise jinja2.exceptions.SecurityError("a number is too large")
    waiting, size = [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, (str, bytes)):
            size += len(one)
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
            size += len(one)
        elif isinstance(one, (list, tuple)):
            waiting += one
            size += len(one)
        _check_size(size)
    return size
