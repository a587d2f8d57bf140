"""Where events go beside the log: Elasticsearch, Slack, Teams and other webhooks, syslog.

A sink never blocks vc5d: events are offered to it (offer), kept in bounded memory, and sent by a task of its
own, in order. config.py reads `logging` of the document, manager.py runs what it asks for.
"""
