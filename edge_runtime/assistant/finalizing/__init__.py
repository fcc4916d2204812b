"""The last step: what a large model wrote is checked on the device before anybody gets it."""
