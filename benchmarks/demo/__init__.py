"""The main job, once: broker, node and worker as processes, real queries over MQTT, a table."""
