"""A web server in each real server's namespace: Debian's nginx on a configuration of the lab's."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

from lab.host import Process, start, wait_until
from lab.plan import SECOND_PORT, Host, Names

DOWNLOAD_BYTES = 12_000_000
DOWNLOAD_RATE = 1_500_000  # bytes a second: long enough to pull a cable meanwhile

# In `/` the server says who it is and whom it saw, which is what the story judges by.
_CONFIGURATION = """\
daemon off;
user nobody {group};
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 4096; }}
http {{
	access_log off;
	client_body_temp_path {directory}/body;
	proxy_temp_path {directory}/proxy;
	fastcgi_temp_path {directory}/fastcgi;
	uwsgi_temp_path {directory}/uwsgi;
	scgi_temp_path {directory}/scgi;
	keepalive_requests 1000000;
	keepalive_timeout 300;
	default_type text/plain;
	server {{
		listen 80;
		listen [::]:80;
		listen {second_port};
		location = / {{ return 200 "{name} $remote_addr:$remote_port $server_addr $connection"; }}
		location /count/ {{ return 200 "{name} $connection $connection_requests $uri"; }}
		location = /alive {{ return 200 "alive"; }}
		location = /download {{ alias {download}; limit_rate {rate}; }}
	}}
}}
"""


def prepare(names: Names) -> str:
    """Write the file that the story downloads; its SHA-256. The same bytes every time."""
    content = random.Random("vc5").randbytes(DOWNLOAD_BYTES)
    file = _download(names)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o644)
    return hashlib.sha256(content).hexdigest()


def _download(names: Names) -> Path:
    return names.state / "www" / "download"


def start_nginx(names: Names, real: Host) -> Process:
    directory = names.state / real.name
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "nginx.conf"
    file.write_text(
        _CONFIGURATION.format(
            directory=directory,
            name=real.name,
            second_port=SECOND_PORT,
            download=_download(names),
            rate=DOWNLOAD_RATE,
            group=_group(),
        )
    )
    nginx = shutil.which("nginx") or "nginx"
    words: list[str | Path] = [nginx, "-p", directory, "-e", directory / "nginx.log", "-c", file]
    process = start(f"nginx on {real.name}", words, directory / "nginx.out", names.netns(real.name))
    wait_until(f"nginx on {real.name} starts", (directory / "nginx.pid").exists, 5)
    return process


def _group() -> str:
    """Debian calls nobody's group nogroup; most others call it nobody."""
    return "nogroup" if "\nnogroup:" in Path("/etc/group").read_text() else "nobody"
