"""The VIPs: which are up, and the routes by which BIRD announces them."""
