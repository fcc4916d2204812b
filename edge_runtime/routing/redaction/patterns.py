"""What patterns find in a text: each with a check or a context, in the order of their certainty."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.accounts import find_accounts
from edge_runtime.routing.redaction.digits import find_digits
from edge_runtime.routing.redaction.documents import find_documents
from edge_runtime.routing.redaction.findings import Finding, of_entities
from edge_runtime.routing.redaction.kinds import IDENTIFYING
from edge_runtime.routing.redaction.network import find_network
from edge_runtime.routing.redaction.passwords import find_secrets
from edge_runtime.routing.redaction.places import find_places
from edge_runtime.routing.redaction.spoken import find_spoken

# No pattern may look again at what it has read, so that the time stays linear in the text.
_Finder = Callable[[str], Iterator[Finding]]
_FINDERS: tuple[_Finder, ...] = (
    find_network,
    find_accounts,
    find_secrets,
    find_documents,
    find_places,
    find_digits,
    find_spoken,
)
_OF_DIGITS: frozenset[_Finder] = frozenset({find_documents, find_places, find_digits})
_DIGIT = re.compile(r"\d")


def of_patterns(text: str, kinds: Collection[str] = IDENTIFYING) -> list[Finding]:
    """Return what patterns find of these kinds, the most certain first."""
    needless = frozenset() if _DIGIT.search(text) else _OF_DIGITS
    return [
        each
        for finder in _FINDERS
        if finder not in needless
        for each in finder(text)
        if each.kind in kinds
    ]


def find_private(
    text: str, entities: Iterable[Entity] = (), kinds: Collection[str] = IDENTIFYING
) -> list[Finding]:
    """Return what patterns and the heads ``pii`` and ``entities`` find of these kinds.

    Patterns come first, since they check what they find.
    """
    return [*of_patterns(text, kinds), *of_entities(text, entities, kinds)]
