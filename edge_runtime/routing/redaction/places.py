"""Where somebody is: street addresses in simple forms, postal codes, coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_runtime.routing.redaction.findings import Finding

_UNIT = (
    r"(?i:,?[ \n]{1,3}(?:apt|apartment|suite|ste|unit|flat|floor|room)\.?[ #]{0,2}\w{1,6}"
    r"|,? ?#\d{1,5})"
)
_BIG = "A-Z\u00c0-\u00de"
_NO_NAME = (
    "of|from|to|in|on|at|the|and|for|minutes?|hours?|miles?|blocks?|lights?|degrees?|percent|more|"
    "new|different|busy|way"
)
_NAME = rf"(?!(?i:{_NO_NAME})\b)(?:[\w'\u2019-]{{1,32}}|\w{{1,3}}\.)"
_ENDS = "street|avenue|boulevard|road|lane|terrace|highway|parkway|crescent|mews"
# Words of their own, too: only where all of the name is capitalized.
_CAPITAL_ENDS = (
    "St|Ave|Blvd|Rd|Ln|Dr|Drive|Ct|Court|Pl|Place|Square|Sq|Way|Close|Circle|Cir|Hwy|Pkwy|Ter|Row|"
    "Trail|Trl|Loop|Plaza|Alley|Grove|Gardens|Hill|Park|Quay|Walk|Mill"
)
_GRAFTED_ENDS = (
    r"stra\u00dfe|strasse|str\.|gasse|weg|allee|platz|damm|ufer|straat|laan|gracht|plein|gatan|"
    r"v\u00e4gen|veien|vegen|vej|gade|katu|tie|kuja|utca|ulice|gata|stigen"
)
# 221b Baker Street, 12 N. Main St, Apt 4
_HOUSE_FIRST = (
    r"(?<![\w.])\d{1,5}(?:-\d{1,5})?[A-Za-z]?,? (?:(?:[NSEW]|[NS][EW])\.? )?"
    rf"(?:(?:{_NAME} ){{1,3}}?(?i:{_ENDS})\b"
    rf"|(?:(?=[{_BIG}0-9]){_NAME} ){{1,4}}?(?:{_CAPITAL_ENDS})\b\.?){_UNIT}{{0,2}}"
)
# Hauptstra\u00dfe 5, Kerkstraat 12, Storgatan 3
_GRAFTED = rf"(?<!\w)[{_BIG}][\w-]{{0,40}}(?:{_GRAFTED_ENDS}) \d{{1,4}} ?[a-zA-Z]?\b{_UNIT}?"
# Via Roma 12, Calle Mayor 5, Rua Augusta, 1200
_STREET_FIRST = (
    r"(?<!\w)(?:Via|Viale|Piazza|Calle|C/|Avda\.?|Avenida|Paseo|Plaza|Rua|Rue|Ulica|ul\.) "
    rf"(?:[\w'.\u2019-]{{1,24}} ){{0,5}}?[\w'.\u2019-]{{1,24}},? \d{{1,5}}[a-zA-Z]?\b{_UNIT}?"
)
# 12 rue de la Paix
_FRENCH = (
    r"(?<!\w)\d{1,4}(?: ?bis)?,? (?:rue|avenue|boulevard|place|all\u00e9e|chemin|quai|impasse) "
    r"(?:(?:de|du|des|la|le|les) |[dl]['\u2019]){0,3}"
    rf"[{_BIG}][\w'\u2019-]{{0,32}}(?: [{_BIG}][\w'\u2019-]{{0,32}}){{0,3}}"
)
_BOX = (
    r"\b(?i:p\.? ?o\.? box|post(?:al)? box|postfach) \d{1,6}\b|\bPSC \d{1,5},? Box \d{1,6}\b"
    r"|\b(?:Suite|Apt\.?|Apartment) \d{1,6}\b"
)
_STREETS = re.compile(f"{_HOUSE_FIRST}|{_GRAFTED}|{_STREET_FIRST}|{_FRENCH}|{_BOX}")
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|"
    "NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|AA|AE|AP"
)
_ZIPS = re.compile(
    rf"\b(?:{_STATES}) (\d{{5}}(?:-\d{{4}})?)(?![\w-])"
    r"|\b(?i:zip(?: ?code)?|postal ?code|post ?code|plz)"
    r"(?:[ \t]*(?:[:=#]|\b(?i:is|was)\b)){0,3}[ \t]*"
    r"((?=[A-Z]{0,4}\d)[A-Z0-9]{2,8}(?:[ -](?:\d{2,4}|\d?[A-Z]{2}))?)(?!\w)"
    r"|(?<!\w)([A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z][ -]\d[A-Z]\d)(?!\w)"
)
_LATITUDE, _LONGITUDE = r"lat(?:itude)?", r"(?:lon(?:g(?:itude)?)?|lng)"
_PAIR = re.compile(
    rf"(?<![\w.,])(?:(?i:{_LATITUDE})[ :=]{{1,3}})?"
    r"([+-]?\d{1,2}[.]\d{4,16})\u00b0? ?[NS]?(?:[,;] ?| )"
    rf"(?:(?i:{_LONGITUDE})[ :=]{{1,3}})?"
    r"([+-]?\d{1,3}[.]\d{4,16})\u00b0? ?[EW]?(?![\w.])"
)
_SEXAGESIMAL = re.compile(
    r"\d{1,3}\u00b0 ?\d{1,2}['\u2032\u2019] ?(?:\d{1,2}(?:\.\d{1,4})?[\"\u2033\u201d] ?)?[NSEW]"
)
_NAMED = re.compile(
    rf"(?i)\b(?:{_LATITUDE}|{_LONGITUDE})(?:[ \t]*(?:[:=]|\bis\b)){{0,2}}[ \t]*"
    r"([+-]?\d{1,3}\.\d{2,16})(?![\w.])"
)
_MOST_NORTH, _MOST_EAST = 90, 180


def find_places(text: str) -> Iterator[Finding]:
    """Yield street addresses, postal codes and coordinates."""
    for match in _PAIR.finditer(text):
        if abs(float(match[1])) <= _MOST_NORTH and abs(float(match[2])) <= _MOST_EAST:
            yield Finding(*match.span(), "COORDINATES")
    yield from (Finding(*match.span(), "COORDINATES") for match in _SEXAGESIMAL.finditer(text))
    yield from (Finding(*match.span(1), "COORDINATES") for match in _NAMED.finditer(text))
    yield from (Finding(*match.span(), "ADDRESS") for match in _STREETS.finditer(text))
    for match in _ZIPS.finditer(text):
        group = match.lastindex or 0
        if any(char.isdigit() for char in match.group(group)):
            yield Finding(*match.span(group), "ZIP")
