"""Reads and checks the document, which is all that `vc5d` knows of a configuration."""

from .model import (
    Blocked,
    Document,
    DocumentError,
    ForbiddenDocumentError,
    Health,
    Index,
    IndexKey,
    Neighbor,
    RealConfig,
    Service,
    ServiceKey,
    Table,
    Tunnel,
)
from .reading import check, inspect, read

__all__ = [
    "Blocked",
    "Document",
    "DocumentError",
    "ForbiddenDocumentError",
    "Health",
    "Index",
    "IndexKey",
    "Neighbor",
    "RealConfig",
    "Service",
    "ServiceKey",
    "Table",
    "Tunnel",
    "check",
    "inspect",
    "read",
]
