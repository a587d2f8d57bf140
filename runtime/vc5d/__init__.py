"""The daemon: applies a document to the kernel, checks health, announces VIPs."""
