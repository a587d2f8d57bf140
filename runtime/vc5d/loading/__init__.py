"""A document from its file into the daemon, without keeping the event loop waiting.

`json.loads` of fifty megabytes holds the interpreter for half a second, whichever thread it runs in. So
another process reads and checks the file, and gives what it found in parts that each take a millisecond to
take over. That process imports this package too, so nothing is imported here.
"""
