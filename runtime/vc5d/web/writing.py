"""What the console may change: drain, undrain, reload. Who may: whoever reaches the UNIX socket, which its
mode and owner decide, or who has the token.

Every such request needs a header that no page of another site can send, and a body that no form can: requests
forged across sites (CSRF) are impossible, not detected. A wrong token is answered a second later, one after
the other.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import web

from .. import log
from ..errors import Vc5Error, unread
from ..operator.control import Command
from ..systemd.credentials import given

HEADER = "X-VC5-Console"  # must be there; its value: the token, or anything over the UNIX socket
CREDENTIAL = "console_token"
ACTIONS = ("drain", "undrain", "reload")
_SHORTEST = 16  # characters of a token
_LONGEST = 4096
_SLOWLY = 1.0  # s
_PATIENCE = 15.0  # s for a body


def read_token(file: Path | None) -> bytes | None:
    """From `file`, else from systemd's credential, without white space at its ends; None: there is none.
    Raises Vc5Error when it cannot be used."""
    path = file or given(CREDENTIAL)
    if path is None:
        return None
    try:
        with path.open("rb") as opened:
            token = opened.read(_LONGEST + 1).strip()
    except OSError as failure:
        why, hint = unread(failure)
        raise Vc5Error(f"the console's token cannot be read from {path}: {why}", hint) from None
    if not _SHORTEST <= len(token) <= _LONGEST:
        raise Vc5Error(
            f"the console's token in {path} has {len(token)} characters",
            f"make one of {_SHORTEST} to {_LONGEST}: openssl rand -hex 16",
        )
    if not all(32 < byte < 127 for byte in token):
        raise Vc5Error(
            f"the console's token in {path} has characters that no header can carry", "use letters and digits"
        )
    return token


Token = Callable[[], bytes | None]


def token_in(file: Path | None) -> Token | None:
    """What says the token of the moment: the file is read each time, a new one needs no restart. None:
    there is none. Raises Vc5Error as `read_token` does."""
    if read_token(file) is None:
        return None

    def now() -> bytes | None:
        try:
            return read_token(file)
        except Vc5Error as failure:
            log.error("console.token", error=failure.message, hint=failure.hint)
            return None

    return now


class Writing:
    """commands: by name of ACTIONS, as the control socket has them. token: None: only the UNIX socket may."""

    def __init__(self, commands: Mapping[str, Command], token: Token | None) -> None:
        self._commands, self._token = commands, token
        self._wrong = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        return [
            *(web.post(f"/{name}", self._act) for name in ACTIONS if name in self._commands),
            web.get("/access.json", self._access),
        ]

    async def _access(self, request: web.Request) -> web.Response:
        """What the page may offer: "write", "token" (with one) or "read"."""
        may = "write" if is_local(request) else "token" if self._token else "read"
        return web.json_response({"may": may if self._commands else "read"})

    async def _act(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json" or HEADER not in request.headers:
            return _refused(403, f"send application/json, and the header {HEADER}")
        if not is_local(request) and (refusal := await self._refusal(request)):
            return refusal
        values = await _values(request)
        if values is None:
            return _refused(400, "the body is a JSON object")
        name = request.path.lstrip("/")
        client = "the UNIX socket" if is_local(request) else request.remote
        log.info("console.asked", command=name, client=client)
        try:
            return web.json_response(await self._commands[name](values))
        except Vc5Error as failure:
            return _refused(409, failure.message, failure.hint)

    async def _refusal(self, request: web.Request) -> web.Response | None:
        token = self._token() if self._token else None
        if token is None:
            return _refused(403, "read-only: vc5d has no console token", "or use the console's UNIX socket")
        given = request.headers[HEADER].encode("utf-8", "surrogateescape")
        if hmac.compare_digest(given, token):
            return None
        async with self._wrong:
            await asyncio.sleep(_SLOWLY)
            log.warning("console.refused", client=request.remote)
        return _refused(403, "wrong token")


def is_local(request: web.Request) -> bool:
    """Whether it came by the UNIX socket."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    return connection is not None and connection.family == socket.AF_UNIX


async def _values(request: web.Request) -> Mapping[str, object] | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            values = await request.json()
    except (ValueError, RecursionError, TimeoutError):
        return None
    return values if isinstance(values, dict) else None


def _refused(status: int, message: str, hint: str = "") -> web.Response:
    return web.json_response({"error": message, "hint": hint}, status=status)
