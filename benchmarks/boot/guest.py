"""An emulated board: it boots an image, has a shell, and its power can be cut."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

FIRMWARE = Path("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
HOST = "10.0.2.2"  # this machine, as the guest sees it
UNIT = "edge-runtime.service"
SHELL_UNIT = """\
[Unit]
Description=Shell on the serial port, for the benchmark
[Service]
ExecStart=/bin/sh
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0
Restart=always
"""

_EMULATOR = "qemu-system-aarch64"
_MEMORY_MB = 1024
_CORES = 2
_TIMEOUT_S = 120.0


def missing() -> str | None:
    """Return what has to be installed, None if nothing."""
    if shutil.which(_EMULATOR) is None or not FIRMWARE.exists():
        return "qemu-system-arm qemu-efi-aarch64"
    return None


@dataclass(frozen=True)
class Kernel:
    """What a board's own firmware reads from the boot partition, for a machine that has none."""

    image: Path
    initramfs: Path
    command: str


class Guest:
    """A virtual machine with this CPU that boots ``image`` through UEFI, or the kernel given.

    ``card`` is in a reader, from which it can be taken.

    What the guest wrote is in the image when ``cut`` returns, as far as it had got to the disk.
    """

    def __init__(
        self, cpu: str, image: Path, kernel: Kernel | None = None, card: Path | None = None
    ) -> None:
        start = ["-bios", str(FIRMWARE)]
        if kernel is not None:
            start = ["-kernel", str(kernel.image), "-initrd", str(kernel.initramfs),
                     "-append", kernel.command]  # fmt: skip
        reader = []
        if card is not None:
            reader = [
                "-drive", f"if=none,id=card,format=raw,file={card}", "-device", "virtio-scsi-pci",
                "-device", "scsi-hd,drive=card,removable=on",
            ]  # fmt: skip
        command = [
            _EMULATOR, "-machine", "virt", "-accel", "tcg,thread=multi", "-cpu", cpu,
            "-smp", str(_CORES), "-m", str(_MEMORY_MB), *start,
            "-drive", f"if=none,id=disk,format=raw,file={image}",
            "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot", *reader,
        ]  # fmt: skip
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._text = ""
        self._changed = threading.Condition()
        self._number = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """All that came over the serial port until now."""
        with self._changed:
            return self._text

    @property
    def is_running(self) -> bool:
        """Whether it has not been cut, and not ended by itself."""
        return self._process.poll() is None

    def shell(self, command: str, timeout_s: float = _TIMEOUT_S) -> str:
        """Run a command as root; return what it prints, its errors as well.

        Raises:
            TimeoutError: it does not end.
            OSError: the guest is gone.
        """
        self._number += 1
        begin, end = f"begin-{self._number}", f"end-{self._number}"
        # the terminal repeats what is typed: the marks are put together in the guest
        line = f"printf '<%s>' {begin}; {{ {command}; }} 2>&1; printf '<%s>' {end}\n"
        if self._process.stdin is None:
            raise OSError("the guest has no serial port")
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        pattern = re.compile(f"<{begin}>(.*?)<{end}>", re.DOTALL)
        found = self._wait(pattern, timeout_s)
        if found is None:
            raise TimeoutError(f"{command!r} does not end; {self.last_line}")
        return found.replace("\r", "").strip()

    @property
    def last_line(self) -> str:
        """The last line on the serial port, for messages."""
        return " / ".join(self.text.strip().splitlines()[-2:])[-300:]

    def last_words(self) -> list[str]:
        """What the service said last, or the serial port where there is no shell: for failures."""
        try:
            said = self.shell(f"journalctl -b --no-pager -o short-monotonic -u {UNIT} | tail -n 40")
        except OSError:
            said = self.text
        return said.splitlines()[-40:]

    def cut(self) -> None:
        """Take the power away."""
        self._process.kill()
        self._process.wait()
        self._reader.join(_TIMEOUT_S)

    def wait_end(self, timeout_s: float) -> None:
        """Wait until it has switched itself off, or wants to start again.

        Raises:
            TimeoutError: it goes on.
        """
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise TimeoutError(f"the guest does not end; {self.last_line}") from exc
        self._reader.join(_TIMEOUT_S)

    def wait_text(self, text: str, timeout_s: float) -> None:
        """Wait until this has come over the serial port.

        Raises:
            TimeoutError: it does not come.
        """
        if self._wait(re.compile(f"({re.escape(text)})"), timeout_s) is None:
            raise TimeoutError(f"the guest does not say {text!r}; {self.last_line}")

    def _wait(self, pattern: re.Pattern[str], timeout_s: float) -> str | None:
        give_up_at = time.monotonic() + timeout_s
        with self._changed:
            while (found := pattern.search(self._text)) is None:
                if not self.is_running or not self._changed.wait(give_up_at - time.monotonic()):
                    return None
        return found.group(1)

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        while piece := self._process.stdout.read1(4096):  # type: ignore[attr-defined]
            with self._changed:
                self._text += piece.decode("utf-8", "replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()
