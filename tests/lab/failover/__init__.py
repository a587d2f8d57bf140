"""Four load balancers, eight reals, 2,000 connections that live throughout, and what becomes of them.

Method and figures: docs/failover.md.
"""
