from __future__ import annotations

import configparser

import pytest

from edge_devices.flash.errors import FlashError
from edge_devices.flash.wifi import wifi_network


def test_the_key_is_that_of_the_standard() -> None:
    """The test vectors of IEEE 802.11i, annex H.4.2."""
    assert wifi_network("IEEE", "password", "US").key == (
        "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    )
    assert wifi_network("ThisIsASSID", "ThisIsAPassword", "US").key == (
        "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"
    )


def test_a_key_is_taken_as_it_is() -> None:
    assert wifi_network("home", "AB" * 32, "DE").key == "ab" * 32


def test_networkmanager_reads_any_name() -> None:
    name = 'Café; [x] = "1"'
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(wifi_network(name, "password", "DE").connection())
    octets = [int(each) for each in parser["wifi"]["ssid"].split(";") if each]
    assert bytes(octets).decode() == name


@pytest.mark.parametrize(
    ("ssid", "password", "country"),
    [
        ("", "password", "DE"),
        ("x" * 33, "password", "DE"),
        ("a\nb", "password", "DE"),
        ("home", "short", "DE"),
        ("home", "p" * 64, "DE"),
        ("home", "pässword", "DE"),
        ("home", "password", "de"),
    ],
)
def test_what_no_network_has_is_refused(ssid: str, password: str, country: str) -> None:
    with pytest.raises(FlashError):
        wifi_network(ssid, password, country)
