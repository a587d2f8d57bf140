"""Flows shared between load balancers: docs/sharing.md says how, and what is on the wire.

`link.py` is vc5d's end of it; all that has to do with sockets and flows runs in a process of its own
(`worker.py`). Knows nothing of the fleet's rules: messages and answers are bytes here.
"""
