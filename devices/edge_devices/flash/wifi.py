"""Wi-Fi for the first boot: the key instead of the password, as Raspberry Pi Imager stores it."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass

from edge_devices.flash.errors import FlashError

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_LONGEST_NAME = 32
_PASSWORD = range(8, 64)
_KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True)
class Wifi:
    """A network: ``key`` are 64 hexadecimal digits, ``country`` two letters (ISO 3166-1)."""

    ssid: str
    key: str
    country: str

    def connection(self) -> str:
        """Return it as a file of NetworkManager (nm-settings-keyfile)."""
        # of the same network always the same
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.ssid}.edge-runtime")
        octets = ";".join(map(str, self.ssid.encode()))
        return (
            f"[connection]\nid=preconfigured\nuuid={identity}\ntype=wifi\n\n"
            f"[wifi]\nmode=infrastructure\nssid={octets};\n\n"
            f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={self.key}\n\n"
            "[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n"
        )

    def network_config(self) -> dict[str, object]:
        """Return it for cloud-init (networking config version 2), with the wired network."""
        point = {self.ssid: {"password": self.key}}
        return {
            "version": 2,
            "ethernets": {"eth0": {"dhcp4": True, "optional": True}},
            "wifis": {
                "wlan0": {
                    "dhcp4": True,
                    "optional": True,
                    "regulatory-domain": self.country,
                    "access-points": point,
                }
            },
        }


def wifi_network(ssid: str, password: str, country: str) -> Wifi:
    """Return a network with the key of WPA2 that the password gives (IEEE 802.11i, annex H.4).

    Raises:
        FlashError: name, password or country are such as no network has.
    """
    if not 1 <= len(ssid.encode()) <= _LONGEST_NAME or not ssid.isprintable():
        raise FlashError(f"Wi-Fi name {ssid!r}: 1 to 32 bytes")
    if not _COUNTRY.fullmatch(country):
        raise FlashError(f"Wi-Fi country {country!r}: two capital letters, such as DE")
    if _KEY.fullmatch(password):
        return Wifi(ssid, password.lower(), country)
    if len(password) not in _PASSWORD or not password.isascii() or not password.isprintable():
        raise FlashError("the Wi-Fi password has to have 8 to 63 characters of ASCII")
    key = hashlib.pbkdf2_hmac("sha1", password.encode(), ssid.encode(), 4096, 32)
    return Wifi(ssid, key.hex(), country)
