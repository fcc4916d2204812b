from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from edge_devices.flash.base_image import examine
from edge_devices.flash.cli import main
from edge_devices.flash.errors import ImageError
from tests.devices.flash import lookalike

PASSWORD = "correct horse"
WIFI = "battery staple"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me@desk"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the runtime's name without dependencies: no index is asked."""
    directory = tmp_path_factory.mktemp("wheels")
    files = {
        "edge_runtime/__init__.py": "",
        "edge_runtime/cli/entry.py": "def main(): print('here')\n",
        "edge_runtime/stubs.pyi": "# pruned\n",
        "edge_runtime-9.0.dist-info/METADATA": (
            "Metadata-Version: 2.1\nName: edge-runtime\nVersion: 9.0\n"
        ),
        "edge_runtime-9.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(directory / "edge_runtime-9.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, "edge_runtime-9.0.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    return directory


@pytest.fixture
def options(tmp_path: Path, wheels: Path) -> list[str]:
    secret(tmp_path / "password", PASSWORD)
    secret(tmp_path / "wifi", WIFI)
    (tmp_path / "key.pub").write_text(f"{KEY}\n")
    bundle = tmp_path / "lights"
    (bundle / "onnx").mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")
    (bundle / "onnx/model.onnx").symlink_to(tmp_path / "key.pub")
    return [
        "--node", "kitchen_1", "--broker", "mqtts://kitchen_1@broker.example",
        "--password-file", str(tmp_path / "password"), "--bundle", str(bundle),
        "--wheels", str(wheels), "--runtime", "edge-runtime==9.0", "--user", "me",
        "--ssh-key", str(tmp_path / "key.pub"), "--wifi", "Home 'n' \"garden\"",
        "--wifi-password-file", str(tmp_path / "wifi"), "--wifi-country", "DE",
    ]  # fmt: skip


def secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def unpack(archive: bytes) -> dict[str, tuple[int, str]]:
    """Return mode and text, or ``-> target``, of what an archive holds."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {}
        for entry in tar:
            assert (entry.uid, entry.gid) == (0, 0)
            content = tar.extractfile(entry) if entry.isreg() else None
            text = f"-> {entry.linkname}" if content is None else content.read().decode("latin-1")
            found[entry.name] = (entry.mode, text)
        return found


def test_cloud_init_installs_at_the_first_boot(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img", python="3.13", cloud_init=True)
    before = lookalike.boot_files(base)
    assert main(["image", "--base", str(base), "-o", str(tmp_path / "out.img"), *options]) == 0
    files = lookalike.boot_files(tmp_path / "out.img")
    assert files["user-data"].startswith(b"#cloud-config\n")
    data = json.loads(files["user-data"].partition(b"\n")[2])
    assert data["hostname"] == "kitchen-1"
    assert data["bootcmd"][0] == ["sh", "/boot/firmware/edge-runtime/install.sh"]
    [user] = data["users"]
    assert (user["name"], user["ssh_authorized_keys"]) == ("me", [KEY])
    network = json.loads(files["network-config"])
    points = network["wifis"]["wlan0"]["access-points"]
    name = "Home 'n' \"garden\""
    key = hashlib.pbkdf2_hmac("sha1", WIFI.encode(), name.encode(), 4096, 32).hex()
    assert points == {name: {"password": key}}
    # what comes back after the first boot, and what is not touched
    assert files["edge-runtime/stock/user-data"] == before["user-data"]
    assert files["edge-runtime/stock/network-config"] == before["network-config"]
    assert files["meta-data"] == before["meta-data"]
    assert files["config.txt"] == before["config.txt"]
    assert files["cmdline.txt"].decode().split() == [
        *lookalike.COMMAND.split(), "cfg80211.ieee80211_regdom=DE",
    ]  # fmt: skip


def test_without_cloud_init_a_script_runs_once(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img")
    assert main(["image", "--base", str(base), "-o", str(tmp_path / "out.img"), *options]) == 0
    files = lookalike.boot_files(tmp_path / "out.img")
    assert files["cmdline.txt"].endswith(
        b"systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot"
        b" systemd.unit=kernel-command-line.target\n"
    )
    assert files["cmdline.txt"].count(b"\n") == 1
    assert files["firstrun.sh"].startswith(b"#!/bin/sh\n")
    settings = files["edge-runtime/settings.sh"].decode()
    told = subprocess.run(
        ["sh", "-c", f'{settings}printf "%s|" "$host" "$user" "$ssh_keys"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == f"kitchen-1|me|{KEY}|"
    connection = files["edge-runtime/wifi.nmconnection"].decode()
    assert f"ssid={';'.join(map(str, b'Home '))}" in connection
    assert "user-data" not in files


def test_the_scripts_are_shell(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img")
    main(["image", "--base", str(base), "-o", str(tmp_path / "out.img"), *options])
    files = lookalike.boot_files(tmp_path / "out.img")
    for name in ("firstrun.sh", "edge-runtime/install.sh"):
        assert b"@" not in files[name].replace(b'"$@"', b"")
        done = subprocess.run(["sh", "-n"], input=files[name], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_is_installed(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img")
    main(["image", "--base", str(base), "-o", str(tmp_path / "out.img"), *options])
    files = lookalike.boot_files(tmp_path / "out.img")
    found = unpack(gzip.decompress(files["edge-runtime/installation.tar.gz"]))
    home, site = "opt/edge-runtime", "opt/edge-runtime/lib/python3.11/site-packages"
    assert found[f"{home}/bin/python3"][1] == "-> /usr/bin/python3.11"
    assert "version = 3.11\n" in found[f"{home}/pyvenv.cfg"][1]
    mode, script = found[f"{home}/bin/edge-run"]
    assert (mode, script.splitlines()[0]) == (0o755, "#!/opt/edge-runtime/bin/python3")
    assert f"{site}/edge_runtime/cli/entry.py" in found
    assert f"{site}/edge_runtime/stubs.pyi" not in found
    assert found[f"{home}/bundles/lights/onnx/model.onnx"] == (0o644, f"{KEY}\n")
    settings = found["etc/edge-runtime/edge.toml"][1]
    assert 'node = "kitchen_1"\nbroker = "mqtts://kitchen_1@broker.example"\n' in settings
    assert f'bundle = "/{home}/bundles/lights"\n' in settings
    unit = found["etc/systemd/system/edge-runtime.service"][1]
    assert "edge_mqtt_password_file:/etc/edge-runtime/mqtt-password" in unit
    assert "etc/systemd/system/multi-user.target.wants/edge-runtime.service" in found


def test_secrets_are_apart_and_nowhere_in_the_clear(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img")
    out = tmp_path / "out.img"
    main(["image", "--base", str(base), "-o", str(out), *options])
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    files = lookalike.boot_files(out)
    assert unpack(files.pop("edge-runtime/secrets.tar")) == {
        "etc/edge-runtime/mqtt-password": (0o600, PASSWORD)
    }
    files["installation"] = gzip.decompress(files.pop("edge-runtime/installation.tar.gz"))
    assert not [name for name, content in files.items() if PASSWORD.encode() in content]
    assert not [name for name, content in files.items() if WIFI.encode() in content]


def test_the_same_input_gives_the_same_image(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img")
    images = [tmp_path / name for name in ("one.img", "two.img")]
    for out in images:
        main(["image", "--base", str(base), "-o", str(out), *options])
    assert images[0].read_bytes() == images[1].read_bytes()


def test_a_compressed_base_is_unpacked_and_left_alone(tmp_path: Path, options: list[str]) -> None:
    base = lookalike.make(tmp_path / "base.img")
    packed = tmp_path / "base.img.xz"
    packed.write_bytes(lzma.compress(base.read_bytes(), preset=0))
    for each, name in ((base, "one.img"), (packed, "two.img")):
        assert main(["image", "--base", str(each), "-o", str(tmp_path / name), *options]) == 0
    assert (tmp_path / "one.img").read_bytes() == (tmp_path / "two.img").read_bytes()
    packed.write_bytes(packed.read_bytes()[:5000])
    assert main(["image", "--base", str(packed), "-o", str(tmp_path / "no.img"), *options]) == 1
    assert not list(tmp_path.glob("no.img*"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loader": "ld-linux-armhf.so.3"}, "no 64-bit system"),
        ({"python": "3.9"}, "its Python is 3.9"),
        ({"command": "systemd.run=/boot/firstrun.sh"}, "already has a script"),
        ({"cloud_init": True, "user_data": b"#cloud-config\nhostname: x\n"}, "user-data is in use"),
    ],
)
def test_an_image_of_another_kind_is_refused(
    tmp_path: Path, given: dict[str, object], said: str
) -> None:
    base = lookalike.make(tmp_path / "base.img", **given)  # type: ignore[arg-type]
    with base.open("r+b") as image, pytest.raises(ImageError, match=said):
        examine(image)


def test_no_image_at_all_is_said(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base.img").write_bytes(bytes(4096))
    command = ["image", "--base", str(tmp_path / "base.img"), "-o", str(tmp_path / "o.img")]
    assert main([*command, *options]) == 1
    assert "no partition table" in capsys.readouterr().err
    assert not list(tmp_path.glob("o.img*"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--node", "a b"], "node 'a b'"),
        (["--broker", "mqtts://me:secret@host"], "is not like mqtts://"),
        (["--wifi-country", "Germany"], "two capital letters"),
        (["--ssh-key", "/etc/hostname"], "no public SSH key"),
        (["--bundle", "/etc"], "is no bundle"),
        (["--runtime", "edge-runtime==1.2.3"], "pip cannot install edge-runtime==1.2.3"),
    ],
)
def test_a_wrong_option_is_said_and_nothing_is_left(
    tmp_path: Path,
    options: list[str],
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    said: str,
) -> None:
    base = lookalike.make(tmp_path / "base.img")
    command = ["image", "--base", str(base), "-o", str(tmp_path / "o.img"), *options, *change]
    assert main(command) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("o.img*"))


def test_a_secret_that_others_can_read_is_refused(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    base = lookalike.make(tmp_path / "base.img")
    (tmp_path / "password").chmod(0o644)
    assert main(["image", "--base", str(base), "-o", str(tmp_path / "o.img"), *options]) == 1
    assert "open to others; run: chmod 600" in capsys.readouterr().err
