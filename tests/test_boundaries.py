"""One way only: the document is the whole contract between the compiler and the daemon."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"vc5c": ROOT / "compiler" / "vc5c", "vc5d": ROOT / "runtime" / "vc5d"}

IMPORT_WITHOUT = """
import importlib, pathlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {other!r}:
            raise ImportError("{package} must not import " + name)

sys.meta_path.insert(0, Refuse())
package = importlib.import_module({package!r})
root = pathlib.Path(package.__file__).parents[1]
for path in sorted(pathlib.Path(package.__file__).parent.rglob("*.py")):
    if path.stem not in ("__init__", "__main__"):
        importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
print("imported")
"""


def imported_by(directory: Path) -> set[str]:
    """Top-level packages named by any import statement beneath the directory, also inside functions."""
    found = set()
    for path in directory.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(
    ("package", "other", "its_own"), [("vc5d", "vc5c", "pyroute2"), ("vc5c", "vc5d", "yaml")]
)
def test_no_import_names_the_other_package(package: str, other: str, its_own: str) -> None:
    imported = imported_by(PACKAGES[package])
    assert its_own in imported, "the scan found no import that is known to be there: it proves nothing"
    assert other not in imported


@pytest.mark.parametrize(("package", "other"), [("vc5d", "vc5c"), ("vc5c", "vc5d")])
def test_every_module_loads_where_the_other_package_is_not(package: str, other: str) -> None:
    script = IMPORT_WITHOUT.format(package=package, other=other)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "imported\n", done.stderr
