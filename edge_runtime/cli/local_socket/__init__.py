"""The local socket: commands that a running node answers, without loading anything again."""
