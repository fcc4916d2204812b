"""The ACL file of mosquitto: a section for each user, and nothing that is not in one; pure."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.bridge.access.roles import NO_EXTRAS, Extras, Role, rights

_HEAD = """\
# Made by edge-run broker-files: run it again instead of editing this file.
# Who may do what; what is not here is forbidden, and users without a section may do nothing.
"""


def acl(members: Mapping[str, Role], extras: Extras = NO_EXTRAS) -> str:
    """Return the file for these names and their roles.

    Raises:
        ConfigError: a name, or the topic for commands, is not valid.
    """
    sections = [_HEAD]
    for name, role in sorted(members.items(), key=lambda item: (item[1], item[0])):
        lines = [f"topic {right.access} {right.topic}" for right in rights(role, name, extras)]
        sections.append("\n".join([f"# {role}", f"user {name}", *lines, ""]))
    return "\n".join(sections)
