"""The dashboard: a page that shows what nodes and workers say over MQTT, and steers them."""
