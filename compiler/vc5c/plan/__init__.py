"""What a change of the configuration would do, before anybody does it (docs/plan.md).

model       a document as flat objects, each with its attributes
changes     two models -> what is added, changed and removed, as values
movement    two tables -> what share of the hash space moves, by real
disruption  two documents -> the share of each service's connections that is at risk, or protected, and why
announced   which VIPs the peers would hear of
sessions    how many connections each service has now
make        all of these -> one Plan
text, markdown, as_json   a Plan for a terminal, for a pull request, for a program
command     `vc5c --diff`
"""
