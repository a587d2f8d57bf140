"""The host's own network: interfaces, VLANs, the MACs of neighbors and next hops, by netlink."""
