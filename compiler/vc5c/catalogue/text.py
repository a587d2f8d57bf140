"""Rules about the text: is it the YAML that it should be?"""

from __future__ import annotations

from vc5c.catalogue.rule import Rule

RULES = (
    Rule(
        id="yaml-syntax",
        means="The text is not YAML.",
        why="Nothing after the place can be trusted to mean what it seems to, so reading ends there.",
        example='services:\n  - virtual: "192.0.2.1\n',
        fix="Look at the place and at the lines before it: a quote or bracket without its partner, wrong indentation.",
    ),
    Rule(
        id="yaml-tab",
        means="A tab where YAML wants spaces.",
        why="YAML forbids tabs in indentation, since nobody can say how wide they are.",
        example="services:\n  - virtual: 192.0.2.1\n\tpolicy: {http: }\n",
        fix="Replace the tab by spaces, and let the editor do so for YAML files.",
    ),
    Rule(
        id="yaml-tag",
        means="A tag such as `!!str` or `!!python/object`.",
        why="Tags change what a value means, and with other parsers even run code. Nothing here needs them.",
        example="services: !!set {}\n",
        fix="Remove the tag; put a value in quotes to make it text.",
    ),
    Rule(
        id="yaml-key",
        means="A key that is a list or a mapping.",
        why="YAML allows it; no configuration means it.",
        example="services: []\n? [a, b]\n: c\n",
        fix="Look for a `?`, or for brackets or braces around a key.",
    ),
    Rule(
        id="yaml-alias",
        means="An alias (`*name`) of an anchor that is not there, or aliases that multiply beyond measure.",
        why="An unknown alias has no value. Aliases of aliases can make a small file as large as memory.",
        example="services: *nothing\n",
        fix="Define the anchor (`&name`) before it is used. A VIP or server with a `*` at its end is no alias.",
    ),
    Rule(
        id="yaml-merge",
        means="`<<` with something that is no mapping.",
        why="`<<` copies the keys of another mapping into this one.",
        example="services: []\n<<: 5\n",
        fix="Give it an alias of a mapping, or a list of them: `<<: *defaults`.",
    ),
    Rule(
        id="yaml-depth",
        means="Lists and mappings within each other, deeper than any configuration is.",
        why="It is an accident or an attack.",
        example="services: " + "[" * 45 + "]" * 45 + "\n",
        fix="Close the brackets.",
    ),
    Rule(
        id="yaml-documents",
        means="A second YAML document after a `---`.",
        why="A file is one configuration: the second would silently be lost.",
        example="services: []\n---\nservices: []\n",
        fix="Join the two, or make two files.",
    ),
    Rule(
        id="duplicate-key",
        means="The same key twice in one mapping.",
        why="Most YAML parsers silently take the last one. Half of what was written would be lost.",
        example="services:\n  - virtual: 192.0.2.1\n    servers: [10.0.0.1]\n    need: 1\n    policy: {http: }\n    need: 2\n",
        fix="Remove one of the two; the message shows both.",
    ),
    Rule(
        id="include-missing",
        means="A file to be included that is not there, or no file.",
        why="What it has would be missing from the configuration.",
        example="include: services.yaml\n",
        fix="Correct the path. It is relative to the file that includes it.",
    ),
    Rule(
        id="include-nothing",
        severity="warning",
        means="A pattern that no file matches.",
        why="It may be meant, as for a directory that is empty so far; or the pattern is wrong.",
        example="include: services/*.yaml\nservices: []\n",
        fix="Correct the pattern.",
    ),
    Rule(
        id="include-twice",
        means="A file that is included twice.",
        why="Its services would be there twice.",
        example="include: [web.yaml, web.yaml]\n",
        files={"web.yaml": "services: []\n"},
        fix="Remove one.",
    ),
    Rule(
        id="include-cycle",
        means="A file that includes itself, directly or by way of others.",
        why="Reading it would never end.",
        example="include: config.yaml\nservices: []\n",
        fix="Let files include only what does not include them.",
    ),
    Rule(
        id="not-utf8",
        means="A byte that is not UTF-8 text.",
        why="Nobody could say which character it was.",
        example="# caf\udce9\nservices: []\n",
        fix="Save the file as UTF-8.",
    ),
    Rule(
        id="empty",
        means="There is nothing in the file.",
        why="An empty configuration would withdraw every VIP. More often the wrong file was given.",
        example="# nothing\n",
        fix="To withdraw everything, say so: `services: []`.",
    ),
    Rule(
        id="not-a-mapping",
        means="The file is a list or a single value.",
        why="A configuration is a mapping with keys such as `services`.",
        example="- services\n",
        fix="Begin with a key: `services:`.",
    ),
)  # fmt: skip
