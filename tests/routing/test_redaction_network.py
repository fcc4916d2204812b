from __future__ import annotations

import pytest

from tests.routing.redaction_cases import found


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("mail first.last+tag@sub.example.co.uk soon", "first.last+tag@sub.example.co.uk", "EMAIL"),
        ("Mail o'brien@example.org.", "o'brien@example.org", "EMAIL"),
        ("schreib an jörg@müller.de", "jörg@müller.de", "EMAIL"),
        ("to ada dot lovelace at example dot org", "ada dot lovelace at example dot org", "EMAIL"),
        ("ada [at] example [dot] org", "ada [at] example [dot] org", "EMAIL"),
        ("open https://example.org/~ada?x=1, please", "https://example.org/~ada?x=1", "URL"),
        ("see www.example.org.", "www.example.org", "URL"),
        ("use postgres://ada:hunter2@db/x now", "postgres://ada:hunter2@db/x", "SECRET"),
        ("get https://x.io/a?access_token=abc", "https://x.io/a?access_token=abc", "SECRET"),
        ("host 192.168.1.20 is down", "192.168.1.20", "IP"),
        ("host 192.168.1.20:8080 is down", "192.168.1.20", "IP"),
        ("host 2001:db8::1 is down", "2001:db8::1", "IP"),
        ("host fe80::1ff:fe23:4567:890a is down", "fe80::1ff:fe23:4567:890a", "IP"),
        ("mac 00:1A:2b:3c:4d:5e joined", "00:1A:2b:3c:4d:5e", "MAC"),
        ("mac 00-1A-2b-3c-4d-5e joined", "00-1A-2b-3c-4d-5e", "MAC"),
        ("mac 001a.2b3c.4d5e joined", "001a.2b3c.4d5e", "MAC"),
        ("my mac is 001A2B3C4D5E", "001A2B3C4D5E", "MAC"),
        ("the bulb 0x00158d0001a2b3c4 left", "0x00158d0001a2b3c4", "MAC"),
    ],
)  # fmt: skip
def test_addresses_of_machines_and_mailboxes_are_found(text: str, value: str, kind: str) -> None:
    assert (value, kind) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "meet me @ noon",
        "follow @ada",
        "look at that dot on the wall",
        "ada@localhost",
        "127.0.0.1 and ::1 are loopback",
        "a netmask of 255.255.255.0",
        "version 1.2.3.4 is out",
        "firmware 10.0.1.2 fails",
        "300.1.2.3 is no address",
        "1.2.3.4.5 is a section",
        "at 10:30:00 sharp",
        "std::vector of a::b",
        "00:1A:2b:3c:4d is too short",
        "the score was 12:34",
        "read http:// aloud",
        "order it from example.com",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert found(text) == []
