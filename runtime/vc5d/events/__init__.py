"""Every event that vc5d emits: its name, levels, meaning and keys (catalogue.py, keys.py), and its form in
the Elastic Common Schema (ecs.py). docs/events.md is made from here; a test holds it against the source.
"""
