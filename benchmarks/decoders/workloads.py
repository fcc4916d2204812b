"""Prompts for a real model whose answers repeat parts of them, and one whose answer does not.

``most`` ends an answer where it is complete: a small model that goes on begins to repeat itself,
which is not what is measured here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """A prompt; ``is_chat`` puts it into the model's chat template."""

    name: str
    prompt: str
    most: int
    is_chat: bool
    repeats_input: bool = True


_LETTER = """\
The parcel of Anna Meyer was delivered to 14 Baker Street on Monday morning, but the driver left \
it with the neighbour, Mr. Okafor, who is away until Friday. Anna called the depot twice. The \
depot promised to send the driver back on Wednesday between 9 and 11 o'clock, and to refund the \
delivery fee of 6.90 euros."""

_RECORDS = """\
Each record is closed: its status becomes closed, and nothing else changes.

Before: {"device": "fan-1", "status": "open", "speed_rpm": 900, "location": {"building": "A", \
"room": "004"}, "owner": "night shift"}
After: {"device": "fan-1", "status": "closed", "speed_rpm": 900, "location": {"building": "A", \
"room": "004"}, "owner": "night shift"}

Before: {"device": "pump-3", "status": "open", "pressure_bar": 4.2, "readings": [4.1, 4.2, 4.2, \
4.3], "location": {"building": "B", "room": "017"}, "owner": "maintenance"}
After:"""

_MEAN = """\
def mean(values):
    result = 0
    for value in values:
        result += value
    return result / len(values)
"""
_PRICE = """\
def total_price(items, tax):
    result = 0
    for item in items:
        price = item["price"] * item["count"]
        result += price
    result += result * tax
    return round(result, 2)
"""


def _renamed(code: str) -> str:
    return code.replace("result", "amount")


_RENAME = f"""\
The variable result is renamed to amount, and nothing else changes.

Before:
{_MEAN}
After:
{_renamed(_MEAN)}
Before:
{_PRICE}
After:
{_renamed(_PRICE)[:48]}"""

WORKLOADS = (
    Workload("summary", f"Summarize this text:\n{_LETTER}", 128, is_chat=True),
    Workload(
        "extraction",
        "Which sentences say what the depot promised? Quote them from the text.\n" + _LETTER,
        128,
        is_chat=True,
    ),
    Workload("JSON edit", _RECORDS, 74, is_chat=False),
    Workload("code edit", _RENAME, 44, is_chat=False),
    Workload(
        "story",
        "Write a short story about a lighthouse.",
        128,
        is_chat=True,
        repeats_input=False,
    ),
)
