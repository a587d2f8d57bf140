"""Are the schemas valid JSON Schema, without `$ref` to what is not there, and do the samples satisfy them?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted(ROOT.glob("inventories/*/config.yaml"))


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def resolves(schema: Any, reference: str) -> bool:
    """Only `#/a/b` is used: a schema is one file."""
    if not reference.startswith("#/"):
        return reference == "#"
    for word in reference[2:].split("/"):
        if not isinstance(schema, dict) or word not in schema:
            return False
        schema = schema[word]
    return True


def main() -> int:
    problems = []
    for path in sorted((ROOT / "schemas").glob("*.json")):
        schema = json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)
        problems += [
            f"{path.name}: {ref} leads nowhere" for ref in references(schema) if not resolves(schema, ref)
        ]
    document = json.loads((ROOT / "schemas" / "document.schema.json").read_text())
    for sample in SAMPLES:
        compiled = subprocess.run(
            [ROOT / ".venv/bin/vc5c", sample], capture_output=True, text=True, check=False
        )
        if compiled.returncode != 0:
            problems.append(f"{sample}: does not compile: {compiled.stderr.strip()}")
            continue
        for error in Draft202012Validator(document).iter_errors(json.loads(compiled.stdout)):
            problems.append(f"{sample}: its document is not what the schema says: {error.message}")
    if not SAMPLES:
        problems.append("no sample configuration found: this check would prove nothing")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
