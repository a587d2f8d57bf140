"""What vc5d shows over HTTP, on localhost unless told otherwise: metrics, the status as JSON.

Nothing here changes anything: what changes something goes through the control socket.
"""
