"""Addresses of machines and mailboxes: e-mail, URLs, IP and MAC addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from edge_runtime.routing.redaction.findings import Finding

_EMAIL = re.compile(
    r"(?<![\w.%+'-])[\w.%+-](?:[\w.%+'-])*+@[\w-]++(?:\.[\w-]++)++"
    r'|"[^"\n@]{1,64}"@[\w-]++(?:\.[\w-]++)++'
)
# "ada dot lovelace at example dot org", as speech recognition writes it
_DOMAIN_ENDS = (
    "com|org|net|edu|gov|info|io|co|uk|de|fr|es|it|nl|eu|ch|at|be|se|no|dk|fi|pl|pt|us|ca|au|in|me"
)
_SPOKEN_EMAIL = re.compile(
    r"(?i)(?<![\w.])\w{1,64}(?:(?: (?:dot|underscore|dash|hyphen|plus) |\.)\w{1,64}){0,4}+"
    r"(?: (?:at|\(at\)|\[at\]) |[\[(]at[\])])"
    r"(?:\w[\w-]{0,62}(?: (?:dot|\(dot\)|\[dot\]) |[\[(]dot[\])])){1,4}"
    rf"(?:{_DOMAIN_ENDS})\b"
)
_URL = re.compile(r"(?i)(?<![\w+.-])(?:[a-z][a-z0-9+.-]{1,15}://|www\.(?=[\w-]))[^\s<>\"'`]++")
_CREDENTIALS = re.compile(
    r"(?i)://[^/@?#]*@|[?&#](?:\w{0,24}[_-])?"
    r"(?:token|key|apikey|secret|password|passwd|pwd|sig|signature|auth)="
)
_URL_TAIL = ".,;:!?)]}*_"
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(
    r"(?i)(?<![\w.:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])"
)
_VERSION_BEFORE = re.compile(
    r"(?i)\b(?:v|version|firmware|release|build|driver|kernel|section|chapter|update)[ :=]{0,2}\Z"
)
_MAC = re.compile(
    r"(?i)(?<![\w:.-])(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}(?:(?:[0-9a-f]{2}\1){2})?[0-9a-f]{2}"
    r"|(?:[0-9a-f]{4}\.){2,3}[0-9a-f]{4}|0x[0-9a-f]{16})(?![\w:-]|\.\w)"
)
_BARE_MAC = re.compile(r"(?i)\bmac(?: address)?(?: is|[:=])? ?([0-9a-f]{12})(?!\w)")
_BEFORE = 16  # signs that tell a version from an address
_DOTS, _COLONS = 3, 2  # of an address at least
_LEAST_IPV6 = 5  # signs; shorter ones read like code


def find_network(text: str) -> Iterator[Finding]:
    """Yield addresses of mailboxes and machines; a URL that opens a door is a secret."""
    if "://" in text or "www." in text.lower():
        for match in _URL.finditer(text):
            end = match.start() + len(match.group().rstrip(_URL_TAIL))
            yield Finding(match.start(), end, _url_kind(match.group()))
    if "@" in text:
        yield from (_finding(match, "EMAIL") for match in _EMAIL.finditer(text))
    if "dot" in text.lower():
        yield from (_finding(match, "EMAIL") for match in _SPOKEN_EMAIL.finditer(text))
    yield from (_finding(match, "MAC") for match in _MAC.finditer(text))
    yield from (Finding(*match.span(1), "MAC") for match in _BARE_MAC.finditer(text))
    yield from _ip_addresses(text)


def _ip_addresses(text: str) -> Iterator[Finding]:
    if text.count(".") >= _DOTS:
        for match in _IPV4.finditer(text):
            before = text[max(match.start() - _BEFORE, 0) : match.start()]
            if _is_address(match.group()) and not _VERSION_BEFORE.search(before):
                yield _finding(match, "IP")
    if text.count(":") >= _COLONS:
        for match in _IPV6.finditer(text):
            has_digit = any(char.isdigit() for char in match.group())
            if len(match.group()) >= _LEAST_IPV6 and has_digit and _is_address(match.group()):
                yield _finding(match, "IP")


def _finding(match: re.Match[str], kind: str) -> Finding:
    return Finding(match.start(), match.end(), kind)


def _url_kind(url: str) -> str:
    return "SECRET" if _CREDENTIALS.search(url) else "URL"


def _is_address(value: str) -> bool:
    """Whether a text is an IP address that leads somewhere: no loopback, no mask."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or value.startswith("255."))
