"""python -m vc5d.loading"""

from .process import main

main()
