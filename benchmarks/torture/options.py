"""How a torture run is done."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.torture.faults import Kind


@dataclass(frozen=True, kw_only=True)
class TortureOptions:
    """Counts of requests and faults, and the limits that must hold.

    ``clients`` apps, of which a third speak MQTT 3.1.1, have ``window`` requests open each.
    ``patience_s`` is how long no final answer may come before the run is given up; ``full_s`` how
    long the disk is full.
    """

    requests: int = 10_000
    node_kills: int = 50
    broker_kills: int = 50
    worker_kills: int = 20
    cuts: int = 50
    full_disks: int = 1
    full_s: float = 5.0
    clients: int = 6
    window: int = 20
    workers: int = 3
    seed: int = 1
    repeats: int = 200
    patience_s: float = 120.0
    disk_mb: int = 48
    rss_mb: int = 160

    @property
    def faults(self) -> dict[Kind, int]:
        """How often each kind of fault happens."""
        return {
            "node": self.node_kills,
            "broker": self.broker_kills,
            "worker": self.worker_kills,
            "cut": self.cuts,
            "disk": self.full_disks,
        }
