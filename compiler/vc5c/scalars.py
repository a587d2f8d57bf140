"""What an unquoted word means.

YAML 1.1 would read 52:54:00:12:34:56 as a number in base 60, 010 as 8 and NO as false. Here a word is a
number or a boolean only if nobody could read it otherwise; all else is text, and `trap` knows what to say
when the schema then wants something that the text is not.
"""

from __future__ import annotations

import re

NULLS = {"", "~", "null", "Null", "NULL"}
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# 20 digits hold any 64-bit number; longer ones stay text (and Python's int() has a limit of its own).
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,19})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{1,15}")

YES_NO = re.compile(r"y|n|yes|no|on|off", re.IGNORECASE)
SEXAGESIMAL = re.compile(r"[0-9]+(:[0-5]?[0-9])+")
OCTAL = re.compile(r"-?0[0-9]+")
# Numbers to YAML 1.1 or 1.2, or to both: 65_000, 0x10, 0o10, 0b1, 1e3, .5
OTHER_NUMBER = re.compile(
    r"[-+]?(0x[0-9a-f_]+|0o[0-7]+|0b[01_]+|[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|\.[0-9]+)", re.IGNORECASE
)


def value_of(text: str) -> str | int | float | bool | None:
    """The value of a plain (unquoted) scalar."""
    first = text[:1]
    if first.isdigit() or first == "-":
        if INTEGER.fullmatch(text):
            return int(text)
        if DECIMAL.fullmatch(text):
            return float(text)
        return text
    if text in NULLS:
        return None
    return BOOLEANS.get(text, text)


def trap(text: str, quoted: bool, wanted: set[str]) -> str:
    """Why `text` is not one of the wanted JSON types, if it is one of YAML's traps; else ''."""
    if quoted:
        return f"`{text}` is in quotes, which makes it text" if not isinstance(value_of(text), str) else ""
    if "boolean" in wanted and YES_NO.fullmatch(text):
        return f"`{text}` is a boolean to some YAML parsers and text to others: write true or false"
    if "integer" in wanted and OCTAL.fullmatch(text):
        decimal = text.replace("-", "").lstrip("0") or "0"
        return f"`{text}` would be octal to some YAML parsers: write {decimal} without the leading zero"
    if wanted & {"integer", "number"} and SEXAGESIMAL.fullmatch(text):
        return f"`{text}` would be a number in base 60 to some YAML parsers: write it in decimal"
    if wanted & {"integer", "number"} and OTHER_NUMBER.fullmatch(text) and isinstance(value_of(text), str):
        return f"`{text}` is a number to some YAML parsers and text to others: write digits only"
    if wanted <= {"string", "null"} and isinstance(value_of(text), int | float):
        kind = "a boolean" if text in BOOLEANS else "a number"
        return f"`{text}` is {kind} where it is not in quotes"
    return ""
