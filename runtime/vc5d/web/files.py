"""Static files: the console's own, or those of a directory that the operator has named in their place.

From such a directory only plain files are served that everyone on this host may read, and that lie in it also
after every symbolic link has been followed; nothing whose name begins with a dot, and no listing.
"""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path

from aiohttp import web

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
OWN = ("index.html", "console.js", "console.css", "icon.svg")


def own_routes() -> list[web.RouteDef]:
    """The built-in page, read once."""
    directory = resources.files("vc5d.web") / "static"
    routes = []
    for name in OWN:
        body = (directory / name).read_bytes()
        path = "/" if name == "index.html" else f"/{name}"
        routes.append(web.get(path, _fixed(body, _TYPES[Path(name).suffix])))
    return routes


def _fixed(body: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return serve


def directory_routes(root: Path) -> list[web.RouteDef]:
    """The operator's own files at /; what vc5d itself answers comes before."""

    async def serve(request: web.Request) -> web.StreamResponse:
        found = find(root, request.match_info["path"])
        if found is None:
            raise web.HTTPNotFound
        return web.FileResponse(found)

    return [web.get("/{path:.*}", serve)]


def find(root: Path, name: str) -> Path | None:
    """The file that `name`, a URL's decoded path, stands for. None: there is none that may be served."""
    parts = [part for part in name.split("/") if part]
    if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        return None
    try:
        top = root.resolve(strict=True)
        found = top.joinpath(*parts).resolve(strict=True)
        if found.is_dir():
            found = (found / "index.html").resolve(strict=True)
        mode = found.stat().st_mode
    except (OSError, RuntimeError, ValueError):  # not there, a loop of links, a name that is too long
        return None
    if not found.is_relative_to(top) or not stat.S_ISREG(mode) or not mode & stat.S_IROTH:
        return None
    return found
