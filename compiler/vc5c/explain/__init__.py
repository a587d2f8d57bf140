"""Which real takes a flow, and why: what the data path does, told step by step.

question  the command line's words -> a Flow
decide    a document, a flow and the states of reals -> a Decision
text, as_json   a Decision for a person, for a program
command   `vc5c --explain`
"""
