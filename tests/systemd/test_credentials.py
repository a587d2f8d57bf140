"""What systemd gives to vc5d and to nobody else, and the processes that vc5d starts, under the unit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import file_content, sealed
from vc5d.xdp.bpf import Map
from vc5d.xdp.layout import CONTROL
from wire import VIP, raw_document, until

from systemd.booted import ALIVE, PATIENT, learned, main_pid, routed, status
from systemd.host import Host

pytestmark = pytest.mark.systemd

SECRETS = {
    "seed": "the-seed-of-this-fleet-which-nobody-may-see",
    "fleet": "the-secret-of-this-fleet-of-more-than-32-characters",
    "console_token": "a-token-for-the-console-0123456789",
    "slack": "http://127.0.0.1:9099/services/a-secret-path",
}
ASKS = {
    "seed": "secret",
    "multicast": "239.7.7.7:9999",
    "sharing": {"interface": "eth10"},
    "logging": {"alert": 4, "slack": {"credential": "slack"}},
}
DROP_IN = "[Service]\n" + "".join(f"LoadCredential={name}:/etc/vc5/secret/{name}\n" for name in SECRETS)
HOOK = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        open("/srv/hook", "a").write(self.path + " " + body + "\\n")
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"ok")
http.server.HTTPServer(("127.0.0.1", 9099), Handler).serve_forever()
"""
POST = """
import sys, urllib.error, urllib.request
request = urllib.request.Request("http://127.0.0.1:8005/" + sys.argv[1], b"{}",
    {"Content-Type": "application/json", "X-VC5-Console": sys.argv[2]})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as failure:
    print(failure.code)
"""


def write(host: Host, path: str = "/alive") -> None:
    raw = raw_document({**ALIVE, "path": path}, health=PATIENT)
    (host.root / "etc/vc5/config.json").write_bytes(file_content(sealed({**raw, **ASKS})))


@pytest.fixture(scope="module")
def given(booted: Host) -> Iterator[Host]:
    """vc5d with all of them; the files are root's alone."""
    directory = booted.root / "etc/vc5/secret"
    directory.mkdir(mode=0o700)
    for name, content in SECRETS.items():
        (directory / name).write_text(content + "\n")
        (directory / name).chmod(0o600)
    drop_in = booted.root / "etc/systemd/system/vc5d.service.d/credentials.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(DROP_IN)
    write(booted)
    hook = booted.popen("python3", "-c", HOOK)
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "restart", "vc5d")
    until(lambda: routed(booted) and learned(booted), 30)
    yield booted
    hook.kill()
    hook.wait()
    drop_in.unlink()
    booted.run("systemctl", "daemon-reload")


def children(host: Host) -> dict[str, str]:
    """Of vc5d, by what they run."""
    pids = host.run("pgrep", "--parent", main_pid(host), check=False).stdout.split()
    lines = {pid: host.run("cat", f"/proc/{pid}/cmdline", check=False).stdout.split("\0") for pid in pids}
    return {line[2]: pid for pid, line in lines.items() if line[1:2] == ["-m"]}


def fields(host: Host, pid: str) -> dict[str, str]:
    text = host.output("cat", f"/proc/{pid}/status")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_flows_are_shared_by_a_sandboxed_child_that_is_started_anew(given: Host) -> None:
    until(lambda: status(given)["fleet"]["on"], 15)
    child = children(given)["vc5d.sharing.worker"]
    own, daemon = fields(given, child), fields(given, main_pid(given))
    assert (own["NoNewPrivs"], own["Seccomp"]) == ("1", "2")
    for name in ("Uid", "CapEff", "CapBnd", "Seccomp_filters"):
        assert own[name] == daemon[name], name
    given.run("kill", "-9", child)
    until(lambda: children(given).get("vc5d.sharing.worker", child) != child, 15)
    until(lambda: status(given)["fleet"]["on"], 15)
    assert routed(given)


def test_a_document_is_read_by_a_child_that_gets_the_seed_too(given: Host) -> None:
    before = status(given)["digest"]
    write(given, "/host/../alive")
    given.run("systemctl", "reload", "vc5d", check=False)
    assert status(given)["reload_failure"] is None, given.journal()[-2000:]
    assert status(given)["digest"] != before
    write(given)
    given.run("systemctl", "reload", "vc5d")
    assert status(given)["digest"] == before


def test_the_seed_is_what_the_data_path_hashes_with(given: Host) -> None:
    wanted = int.from_bytes(hashlib.sha256(SECRETS["seed"].encode()).digest()[:8], "little")
    control = Map.open_pinned(given.bpffs / "vc5" / "control")
    generations = control.mapped(CONTROL)["generation"][0]
    control.close()
    assert wanted in generations["seed"].tolist()


def test_without_its_seed_vc5d_says_which_credential_is_missing(given: Host) -> None:
    drop_in = given.root / "etc/systemd/system/vc5d.service.d/credentials.conf"
    drop_in.write_text(DROP_IN.replace("LoadCredential=seed:/etc/vc5/secret/seed\n", ""))
    given.run("systemctl", "daemon-reload")
    try:
        assert given.run("systemctl", "restart", "vc5d", check=False).returncode != 0
        assert "LoadCredential=seed:PATH" in given.journal()[-3000:]
        assert not routed(given)
    finally:
        drop_in.write_text(DROP_IN)
        given.run("systemctl", "daemon-reload")
        given.run("systemctl", "reset-failed", "vc5d", check=False)
        given.run("systemctl", "start", "vc5d")
    until(lambda: routed(given), 30)


def test_the_console_takes_its_token_and_no_other(given: Host) -> None:
    assert given.output("python3", "-c", POST, "reload", SECRETS["console_token"]).strip() == "200"
    assert given.output("python3", "-c", POST, "reload", "another-token-for-the-console").strip() == "403"


def test_chat_is_told_by_the_webhook(given: Host) -> None:
    write(given, "/gone")
    given.run("systemctl", "reload", "vc5d")
    until(lambda: not routed(given), 15)
    told = given.root / "srv/hook"
    until(lambda: told.exists() and VIP in told.read_text(), 15)
    assert told.read_text().startswith("/services/a-secret-path ")
    write(given)
    given.run("systemctl", "reload", "vc5d")
    until(lambda: routed(given), 15)


def test_no_output_and_no_other_process_has_them(given: Host) -> None:
    pids = [main_pid(given), *children(given).values()]
    shown: dict[str, Any] = {
        "status": json.dumps(status(given)),
        "journal": given.journal(),
        "metrics": given.output("python3", "-c", "import urllib.request as u; "
                                "print(u.urlopen('http://127.0.0.1:8005/metrics').read().decode())"),
        "unit": given.output("systemctl", "show", "vc5d"),
        "processes": "".join(
            given.run("cat", f"/proc/{pid}/{what}", check=False).stdout
            for pid in pids
            for what in ("cmdline", "environ")
        ),
    }  # fmt: skip
    for where, text in shown.items():
        for name, secret in SECRETS.items():
            assert secret not in text, f"{name} in {where}"
            assert Path(secret).name not in text, f"{name} in {where}"
    directory = "/run/credentials/vc5d.service"
    assert given.run("runuser", "-u", "nobody", "--", "cat", f"{directory}/seed", check=False).returncode != 0
