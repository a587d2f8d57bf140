"""Reads and checks the document, which is all that `vc5d` knows of a configuration."""

from .model import (
    Document,
    DocumentError,
    Health,
    Index,
    Neighbor,
    RealConfig,
    Service,
    ServiceKey,
    Table,
)
from .reading import check, read

__all__ = [
    "Document",
    "DocumentError",
    "Health",
    "Index",
    "Neighbor",
    "RealConfig",
    "Service",
    "ServiceKey",
    "Table",
    "check",
    "read",
]
