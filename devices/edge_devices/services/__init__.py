"""The node as a service: what systemd and runit are given, and taking all of it away again."""
