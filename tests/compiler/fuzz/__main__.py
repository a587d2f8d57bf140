"""`make fuzz`: any bytes as a configuration. Nothing but a report may come of them.

atheris (libFuzzer for Python) follows which branches an input takes, so that it finds what random bytes do
not. It begins with the tests' own configurations, and keeps what it finds in build/fuzz; an input that
crashes is written to the directory that it is started in. It is no dependency of the project, since it is
built for some Pythons only:

    .venv/bin/pip install atheris && make fuzz FUZZ_SECONDS=300
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("make fuzz needs atheris: .venv/bin/pip install atheris")

HERE = Path(__file__).resolve()
CORPUS = HERE.parents[3] / "build" / "fuzz"
SEEDS = sorted(HERE.parents[1].glob("*/*/config.yaml"))

with atheris.instrument_imports(include=["vc5c"]):
    from vc5c import compile as compiling
    from vc5c.problems import Problems, Rejected, in_order
    from vc5c.report import Report, github, human, machine, sarif
    from vc5c.resolve import resolve
    from vc5c.source import decoded


def one(data: bytes) -> None:
    """Check, resolve, and show in every format; an exception is a finding."""
    if b"include" in data or b"file" in data:
        return  # other files are none of a fuzzer's business
    source, problems = decoded("fuzz.yaml", data), Problems()
    try:
        resolve(compiling.load(source, problems))
        found = in_order(problems.found)
    except Rejected as rejected:
        found = rejected.problems
        if not any(problem.severity == "error" for problem in found):
            raise AssertionError("rejected without an error") from rejected
    for form in (human, machine, github, sarif):
        form.text([Report(source, found)]).encode()


def main() -> None:
    CORPUS.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        shutil.copyfile(seed, CORPUS / f"seed-{seed.parent.name}")
    atheris.Setup([*sys.argv, "-timeout=20", "-max_len=4096", str(CORPUS)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
