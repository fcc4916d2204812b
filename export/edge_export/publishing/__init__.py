"""The repository that devices are updated from: plain files with one signed index."""
