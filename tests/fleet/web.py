"""The application, which is no business of the roles': a web server that says who it is and whom it saw."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from fleet.machine import Box

_SITE = """\
server {{
	listen 80;
	listen [::]:80;
	listen 8080;
	default_type text/plain;
	access_log off;
	keepalive_requests 1000000;
	keepalive_timeout 600;
	location = / {{ return 200 "{name} $remote_addr:$remote_port $server_addr $connection"; }}
	location = /alive {{ return 200 "alive"; }}
}}
"""
_INSTALL = """\
set -e
apt-get -q update
apt-get -q -y --no-install-recommends install nginx-light
cat >/etc/nginx/sites-available/default
systemctl restart nginx
"""


def install(boxes: Iterable[Box]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_install, boxes))


def _install(box: Box) -> None:
    box.run("sh", "-c", _INSTALL, stdin=_SITE.format(name=box.name))
