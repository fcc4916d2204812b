"""What the words around a number make of it."""

from __future__ import annotations

import re

_FILL = (
    r"(?:[\s:=#,.-]|\b(?:numbers?|no|num|nr|id|code|is|was|are|it|it's|its|of|the|a|my|me|at|on|to|"
    r"this|will|be|card|account|and|us|her|him|them|new|called?|please|back|here)\b){0,12}+"
)
_KINDS = {
    "SSN": r"ssn|social security|social sec",
    "PASSPORT": r"passport",
    "LICENSE": r"driver'?s?'? ?licen[cs]e|driving licen[cs]e|drivers licen[cs]e|licen[cs]e number",
    "CARD": r"credit card|debit card|card number|card|cc|visa|mastercard|master card|amex|american express",  # noqa: E501
    "IBAN": r"iban",
    "SECRET": r"pin|pins|pin code|passcode|password|cvv|cvc|security code|access code|door code|"
    r"gate code|alarm code|entry code|unlock code|verification code|confirmation code|"
    r"one[- ]time (?:code|password)|otp|2fa code|lock code|safe code|keypad code|combination",
    "ID": r"account|acct|a/c|routing|sort code|tax id|tin|itin|ein|nino|national insurance|"
    r"national id|id card|identity card|identification|nhs|medicare|medicaid|patient|member|"
    r"membership|customer|client|employee|student|policy|insurance|serial|imei|imsi|iccid|vin|tracking|"
    r"order|booking|reservation|invoice|case|claim|reference|ref",
    "PHONE": r"phone|telephone|tel|mobile|cell|cellphone|fax|call|dial|ring|text|sms|whatsapp|"
    r"contact|desk|office|reach|handy|telefon|t\u00e9l|m\u00f3vil|messages",
}  # fmt: skip
_BEFORE = re.compile(
    "(?i)(?:" + "|".join(rf"\b({words})" for words in _KINDS.values()) + rf")\b{_FILL}\Z"
)
_NAMES = tuple(_KINDS)
_REACH = 48  # signs


def kind_before(text: str, start: int) -> str | None:
    """Return the kind that the words before a place announce, None if they do not."""
    match = _BEFORE.search(text, max(start - _REACH, 0), start)
    return None if match is None or match.lastindex is None else _NAMES[match.lastindex - 1]


_CURRENCIES = r"$\u20ac\u00a3\u00a5\u20b9"
_AMOUNT_BEFORE = re.compile(
    rf"(?i)(?:[{_CURRENCIES}%=*/\u00d7^+]|(?<!\w)(?:x|v|version|rgb|usd|eur|gbp|chf|inr|rs\.?|plus|minus|"
    r"times|by|over|factor|population of|pages?|chapter|isbn(?:-1[03])?:?)) {0,2}\Z"
)
_AMOUNT_AFTER = re.compile(
    rf"(?i)[.,:]\d| {{0,2}}(?:[{_CURRENCIES}%=*\u00d7^\u00b0]|(?:x(?= )|usd|eur|gbp|chf|dollars?|"
    r"euros?|pounds?|yen|rupees?|bucks|cents?|percent|degrees?|people|inhabitants|miles?|km|"
    r"kilomet\w{1,5}|met(?:er|re)s?|feet|kg|grams?|lbs?|tons?|hours?|minutes?|seconds?|days?|"
    r"weeks?|months?|years?|times|plus|minus|divided|multiplied|watts?|bytes|[kmgt]b|[kmg]?hz|"
    r"lumens?)\b)"
)
_PHONE_AFTER = re.compile(r"(?i)[ -]{1,2}\(?(?:office|fax|mobile|cell|home|work)\b")
_AROUND = 16  # signs


def kind_after(text: str, end: int) -> str | None:
    """Return the kind that the words after a place make of it, None if they make none."""
    return "PHONE" if _PHONE_AFTER.match(text, end) else None


def is_amount(text: str, start: int, end: int) -> bool:
    """Whether a number is of money or of a unit, a version, or part of a calculation."""
    before = _AMOUNT_BEFORE.search(text, max(start - _AROUND, 0), start)
    return before is not None or _AMOUNT_AFTER.match(text, end) is not None
