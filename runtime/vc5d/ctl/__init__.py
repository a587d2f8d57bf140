"""`vc5ctl`: asks the running vc5d, and shows the answer; `doctor` looks at the host, also without vc5d.

parser.py has the command line, command.py carries it out. Each command that shows something has a page of its
own: a function from vc5d's answer to text. What pages are made of is in terminal.py.
"""

from .ask import ask
from .command import main

__all__ = ["ask", "main"]
