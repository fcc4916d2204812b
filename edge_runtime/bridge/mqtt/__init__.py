"""The connection to the broker, its messages and topics; knows nothing of what they say."""
