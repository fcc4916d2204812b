"""What the boot partition is given, so that the first boot makes the board a node."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from edge_devices.flash.base_image import System
from edge_devices.flash.errors import FlashError
from edge_devices.flash.fat import FatVolume
from edge_devices.flash.installation import COMPILED
from edge_devices.flash.wifi import Wifi

DIRECTORY = "edge-runtime"
INSTALLATION = f"{DIRECTORY}/installation.tar.gz"
SECRETS = f"{DIRECTORY}/secrets.tar"

_INSTALL = f"{DIRECTORY}/install.sh"
_MOUNTED = "/boot/firmware"
_FIRST_RUN = (
    f" systemd.run={_MOUNTED}/firstrun.sh systemd.run_success_action=reboot"
    " systemd.unit=kernel-command-line.target"
)
# those of the first user, as Raspberry Pi Imager has them
_GROUPS = "users,adm,dialout,audio,netdev,video,plugdev,cdrom,games,input,gpio,spi,i2c,render,sudo"


@dataclass(frozen=True)
class Owner:
    """Who may get in: a user with keys for SSH, without a password; nobody if ``user`` is empty."""

    host: str
    user: str = ""
    ssh_keys: tuple[str, ...] = field(default=())
    wifi: Wifi | None = None

    def __post_init__(self) -> None:
        """Check that the user can get in.

        Raises:
            FlashError: a user without a key, a key without a user, or what is no public key.
        """
        if bool(self.user) != bool(self.ssh_keys):
            raise FlashError("give --user together with --ssh-key: there is no password")
        for key in self.ssh_keys:
            if not key.startswith(("ssh-", "ecdsa-", "sk-")) or "\n" in key:
                raise FlashError(
                    f"{key[:20]!r}… is no public SSH key; give the file that ends .pub"
                )


def prepare_boot(
    boot: FatVolume, system: System, owner: Owner, installation: bytes, secrets: bytes
) -> None:
    """Write all of it into the boot partition of a stock image.

    Raises:
        ImageError: the partition is too small.
    """
    files = _files(system, owner)
    if system.first_boot == "cloud-init":
        for name in ("user-data", "network-config"):
            if name in files:
                stock = boot.read(name) if boot.exists(name) else b"# not used\n"
                boot.write(f"{DIRECTORY}/stock/{name}", stock)
        if not boot.exists("meta-data"):
            boot.write("meta-data", f"instance-id: edge-{owner.host}\n".encode())
    boot.write(INSTALLATION, installation)
    boot.write(SECRETS, secrets)
    boot.write(_INSTALL, _asset("install.sh").replace("@COMPILED@", " ".join(COMPILED)).encode())
    for name, text in files.items():
        boot.write(name, text.encode())
    command = boot.read("cmdline.txt").decode().strip()
    boot.write("cmdline.txt", f"{command}{_added(system, owner)}\n".encode())
    boot.flush()


def _added(system: System, owner: Owner) -> str:
    country = "" if owner.wifi is None else f" cfg80211.ieee80211_regdom={owner.wifi.country}"
    return country + (_FIRST_RUN if system.first_boot == "first-run" else "")


def _files(system: System, owner: Owner) -> dict[str, str]:
    if system.first_boot == "cloud-init":
        files = {"user-data": _cloud_config(_user_data(owner))}
        if owner.wifi is not None:
            files["network-config"] = _cloud_config(owner.wifi.network_config(), header="")
    else:
        files = {"firstrun.sh": _asset("firstrun.sh"), f"{DIRECTORY}/settings.sh": _settings(owner)}
        if owner.wifi is not None:
            files[f"{DIRECTORY}/wifi.nmconnection"] = owner.wifi.connection()
    return files


def _user_data(owner: Owner) -> dict[str, object]:
    script = f"{_MOUNTED}/{_INSTALL}"
    data: dict[str, object] = {
        "hostname": owner.host,
        "manage_etc_hosts": True,
        # at every boot until it is done, since the power may go in the middle
        "bootcmd": [
            ["sh", script],
            ["systemctl", "daemon-reload"],
            ["systemctl", "start", "--no-block", "edge-runtime.service"],
        ],
    }
    if owner.user:
        data["users"] = [
            {
                "name": owner.user,
                "groups": _GROUPS,
                "shell": "/bin/bash",
                "lock_passwd": True,
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "ssh_authorized_keys": list(owner.ssh_keys),
            }
        ]
        data["runcmd"] = [["sh", "-c", "systemctl enable --now ssh || true"]]
    if owner.wifi is not None:
        unblock = ["sh", "-c", "rfkill unblock wifi || true"]
        data["runcmd"] = [unblock, *_list(data.get("runcmd"))]
    return data


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _cloud_config(data: Mapping[str, object], header: str = "#cloud-config\n") -> str:
    """Return YAML: JSON is a part of it, and quotes everything."""
    return f"{header}{json.dumps(data, indent=2)}\n"


def _settings(owner: Owner) -> str:
    keys = "\n".join(owner.ssh_keys)
    return "".join(
        f"{name}={shlex.quote(value)}\n"
        for name, value in (("host", owner.host), ("user", owner.user), ("ssh_keys", keys))
    )


def _asset(name: str) -> str:
    return (resources.files("edge_devices") / "assets/boot" / name).read_text(encoding="utf-8")
