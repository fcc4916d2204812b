"""From what the heads found in a text to a command: intent, slots in canonical form, and speech."""
