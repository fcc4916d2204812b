"""Kinds of what can be taken out of a text, and the labels of heads that mean them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from edge_runtime.messages import Kind

# Kinds that many people share; an owner may add them.
SHARED: frozenset[Kind] = frozenset({"PLACE", "ORGANIZATION", "GROUP", "TITLE", "DATE", "AGE"})

# Kinds that lead to one person or one account, or open a door.
IDENTIFYING: frozenset[Kind] = frozenset(get_args(Kind)) - SHARED

LITERAL = "LITERAL"  # text of the user that reads like one of the placeholders in use
KINDS: frozenset[str] = IDENTIFYING | SHARED | {LITERAL}

# Labels of the heads `pii` and `entities`; others, as PRODUCT and EVENT, are nobody's.
OF_LABEL: Mapping[str, str] = {
    "PERSON": "PERSON",
    "STREET_ADDRESS": "ADDRESS",
    "ZIP_CODE": "ZIP",
    "DATE_OF_BIRTH": "BIRTHDATE",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "DOMAIN_NAME": "URL",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
    "US_PASSPORT": "PASSPORT",
    "US_DRIVER_LICENSE": "LICENSE",
    "ID_NUMBER": "ID",
    "PASSWORD": "SECRET",
    "GPE": "PLACE",
    "LOCATION": "PLACE",
    "ORGANIZATION": "ORGANIZATION",
    "NRP": "GROUP",
    "TITLE": "TITLE",
    "DATE_TIME": "DATE",
    "AGE": "AGE",
}
