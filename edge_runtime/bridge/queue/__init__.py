"""The way of an escalation: on disk, to a worker, and back; what it holds survives a power cut."""
