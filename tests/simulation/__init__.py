"""What the lab cannot hold: a fleet of 64 load balancers and ten million flows, for a year.

Method and figures: docs/failover.md.
"""
