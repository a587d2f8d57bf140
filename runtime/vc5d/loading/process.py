"""The process that reads a document for vc5d: python -m vc5d.loading FILE [SEED-FILE]

It is told on its standard input what vc5d has (a fingerprint of each part), and answers on its standard
output, in frames that are pickled: (name, fingerprint, whether it is another), and if so the part; or, as
the last, a `Refusal`; None: that was all. It holds nothing that is worth keeping: it is what the kernel ends
first when memory runs out.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..document import read
from ..errors import Vc5Error
from ..health.plans import refuse_unknown
from ..sinks.config import read as read_logging
from .parts import Prints, cut, fingerprint

_NICE = 5  # behind the health checks
_OOM_SCORE = "800"


@dataclass(frozen=True)
class Refusal:
    """defect: of vc5d, not of the document."""

    message: str
    hint: str = ""
    defect: bool = False


def serve(path: Path, seed_file: Path | None, known: Prints, answers: IO[bytes]) -> None:
    """Writes the frames."""

    def answer(frame: Any) -> None:
        pickle.dump(frame, answers, pickle.HIGHEST_PROTOCOL)

    try:
        document = read(path, seed_file)
        refuse_unknown(document)
        read_logging(document.options.get("logging"))
        for name, part in cut(document):
            print_ = fingerprint(part)
            anew = known.get(name) != print_
            answer((name, print_, anew))
            if anew:
                answers.write(part)
        answer(None)
    except Vc5Error as failure:
        answer(Refusal(failure.message, failure.hint))
    except Exception as failure:
        answer(Refusal(repr(failure), defect=True))


def main() -> None:
    gc.disable()  # it would look at a million objects again and again, and then this process ends
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    known = pickle.load(sys.stdin.buffer)  # noqa: S301 - vc5d's
    seed_file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        serve(Path(sys.argv[1]), seed_file, known, sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:  # vc5d has ended
        os._exit(1)
