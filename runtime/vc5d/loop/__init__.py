"""The event loop, and how long work leaves it free."""
