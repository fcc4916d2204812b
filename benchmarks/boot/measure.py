"""What a booted guest says of itself: how long it took, what it uses, how shut in it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.boot.guest import UNIT, Guest


@dataclass(frozen=True)
class Footprint:
    """Of the node: memory in MB of 10^6 bytes, files without and with compiled modules."""

    rss_mb: float
    peak_rss_mb: float
    installed_mb: float
    compiled_mb: float
    security: float
    kernel_s: float
    service_s: float


def footprint(guest: Guest) -> Footprint:
    """Measure a node that is ready and idle.

    Raises:
        OSError: the guest says nothing that can be read.
    """
    pid = guest.shell(f"systemctl show -P MainPID {UNIT}")
    memory = guest.shell(f"grep -E '^Vm(RSS|HWM)' /proc/{pid}/status")
    files = "find /opt/edge-runtime -type f {} -printf '%s\\n' | awk '{{s+=$1}} END {{print s+0}}'"
    plain = guest.shell(files.format("! -name '*.pyc'"))
    compiled = guest.shell(files.format("-name '*.pyc'"))
    shut_in = guest.shell(f"systemd-analyze security --no-pager {UNIT} | tail -n 2")
    kernel = guest.shell("systemctl show -P UserspaceTimestampMonotonic")
    ready = guest.shell(f"systemctl show -P ActiveEnterTimestampMonotonic {UNIT}")
    return Footprint(
        rss_mb=_number(r"VmRSS:\s*(\d+) kB", memory) * 1024 / 1e6,
        peak_rss_mb=_number(r"VmHWM:\s*(\d+) kB", memory) * 1024 / 1e6,
        installed_mb=_number(r"(\d+)", plain) / 1e6,
        compiled_mb=_number(r"(\d+)", compiled) / 1e6,
        security=_number(r"exposure level for \S+: ([0-9.]+)", shut_in),
        kernel_s=_number(r"(\d+)", kernel) / 1e6,
        service_s=_number(r"(\d+)", ready) / 1e6,
    )


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise OSError(f"the guest said {text[-200:]!r}, where {pattern!r} was looked for")
    return float(found.group(1))
