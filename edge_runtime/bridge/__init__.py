"""MQTT: the node on the device, its durable outbox, and the worker beside a large model."""
