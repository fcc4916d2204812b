"""MQTT protocol v1: its topics and messages, read and written; pure."""
