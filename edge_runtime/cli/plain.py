"""Plain command lines: those of the data verbs that can be read without typer.

A test pins that this table says what typer knows. What is not understood here (help, a wrong
option, an unusual spelling) is typer's.
"""

from __future__ import annotations

FLAG = "flag"  # takes no value
TEXT = "text"
COUNT = "count"  # a whole number from 1 on
TYPED = "typed"  # a value that typer checks
LIST = "list"  # may be repeated
OURS = "ours"  # a value that means something to this process only: a file, or whom to ask

_BUNDLE = {"-m": ("bundle", TEXT), "--bundle": ("bundle", TEXT)}
_JSON = {"--json": ("as_json", FLAG)}
_ANSWER = {**_BUNDLE, **_JSON}
_WRITE = {
    "--max-tokens": ("max_tokens", COUNT),
    "--beams": ("beams", COUNT),
    "--overflow": ("overflow", TEXT),
}

VERBS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "ask": (
        "text",
        {
            "--privacy": ("privacy", TEXT),
            "--when-offline": ("when_offline", TEXT),
            "--max-cost-usd": ("max_cost_usd", TYPED),
            "--deadline-ms": ("deadline_ms", COUNT),
            "--session": ("session", TEXT),
            "--broker": ("broker", OURS),
            "--llm": ("llm", OURS),
            **_ANSWER,
        },
    ),
    "classify": (
        "text",
        {
            "--head": ("head", TEXT),
            "--labels": ("labels", TYPED),
            "--labels-file": ("labels_file", OURS),
            **_ANSWER,
        },
    ),
    "tag": ("text", {"--head": ("head", TEXT), **_ANSWER}),
    "embed": ("text", _ANSWER),
    "summarize": ("text", {"--sentences": ("sentences", COUNT), **_WRITE, **_ANSWER}),
    "answer": ("question", {"--context": ("context", TEXT), **_ANSWER}),
    "generate": (
        "text",
        {
            "--max-tokens": ("max_tokens", COUNT),
            "--temperature": ("temperature", TYPED),
            "--top-k": ("top_k", TYPED),
            "--top-p": ("top_p", TYPED),
            "--min-p": ("min_p", TYPED),
            "--repetition-penalty": ("repetition_penalty", TYPED),
            "--seed": ("seed", TYPED),
            "--stop": ("stop", LIST),
            "--schema": ("schema", OURS),
            "--regex": ("regex", TEXT),
            "--choice": ("choice", LIST),
            "--overflow": ("overflow", TEXT),
            "--deadline-ms": ("deadline_ms", COUNT),
            "--no-prompt-lookup": ("no_prompt_lookup", FLAG),
            **_ANSWER,
        },
    ),
    "translate": ("text", {**_WRITE, **_ANSWER}),
}
"""Each verb: the name of its argument; its options with the parameter's name and kind."""

_RUN_PLAINLY = {"ask", "classify", "tag", "embed", "summarize"}

Value = str | int | bool


class Command:
    """A verb with its parameters by name.

    ``goes_to_node`` tells whether a node can run it as well as this process; ``runs_plainly``
    whether this process can run it without typer; ``is_brief`` whether it is about one text.
    ``parameter`` is the name of the verb's argument.
    """

    __slots__ = ("goes_to_node", "is_brief", "parameter", "runs_plainly", "values", "verb")

    def __init__(self, verb: str, values: dict[str, Value], kinds: set[str]) -> None:
        self.verb = verb
        self.values = values
        self.parameter = VERBS[verb][0]
        self.is_brief = values[self.parameter] != "-"
        self.goes_to_node = OURS not in kinds
        self.runs_plainly = verb in _RUN_PLAINLY and not kinds & {LIST, OURS, TYPED}


def read(arguments: list[str]) -> Command | None:
    """Return the command, or None when it takes typer to say what is meant or wrong."""
    if not arguments or arguments[0] not in VERBS:
        return None
    verb = arguments[0]
    argument, options = VERBS[verb]
    values: dict[str, Value] = {}
    kinds: set[str] = set()
    texts: list[str] = []
    rest = arguments[1:]
    while rest:
        word = rest.pop(0)
        if word == "--":
            texts += rest
            break
        if word == "-" or not word.startswith("-"):
            texts.append(word)
            continue
        name, equals, value = word.partition("=")
        parameter, kind = options.get(name, ("", ""))
        is_again = parameter in values and kind != LIST
        if not parameter or is_again or (equals and not name.startswith("--")):
            return None
        if kind != FLAG and not equals:
            if not rest:
                return None
            value = rest.pop(0)
        read_value = _value(kind, value, given=bool(equals))
        if read_value is None:
            return None
        values[parameter] = read_value
        kinds.add(kind)
    if len(texts) != 1:
        return None
    return Command(verb, {argument: texts[0], **values}, kinds)


def _value(kind: str, value: str, *, given: bool) -> Value | None:
    """Return the value of an option, None when it is not plain."""
    if kind == FLAG:
        return None if given else True
    if value.startswith("-") and value != "-":
        return None
    if kind == COUNT:
        return int(value) if value.isascii() and value.isdecimal() and int(value) > 0 else None
    return value
