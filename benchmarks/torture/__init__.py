"""Whether anything is lost, doubled or unbounded when everything around the bridge fails."""
