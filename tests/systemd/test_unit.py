"""vc5d as systemd runs it, installed on a host that systemd booted: what starts, what stays, what goes.

Each test finds vc5d running, with its VIP announced and learned by BIRD (`booted.host`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import file_content
from wire import VIP, raw_document, until

from systemd.booted import document, learned, main_pid, routed, status
from systemd.host import Host

pytestmark = pytest.mark.systemd

CAPABILITIES = 1 << 12 | 1 << 13 | 1 << 38 | 1 << 39  # NET_ADMIN, NET_RAW, PERFMON, BPF


@contextlib.contextmanager
def routes_watched(host: Host) -> Iterator[list[str]]:
    """Every change of table 205 meanwhile, and whether the VIP was ever gone, looked at without a pause."""
    seen: list[str] = []
    script = (
        "ip monitor route >/tmp/changes & monitor=$!; trap 'kill $monitor; exit' TERM; while :; do "
        f"ip route show table 205 | grep -q {VIP} || echo gone >>/tmp/changes; done"
    )
    watching = host.popen("sh", "-c", f"rm -f /tmp/changes; {script}")
    try:
        time.sleep(0.3)
        yield seen
        time.sleep(0.3)
    finally:
        watching.terminate()
        watching.wait()
        changes = host.run("cat", "/tmp/changes", check=False).stdout.splitlines()
        seen += [line for line in changes if "table 205" in line or line == "gone"]


def test_it_runs_as_its_own_user_with_four_capabilities(host: Host) -> None:
    process = host.output("cat", f"/proc/{main_pid(host)}/status")
    fields = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
    vc5 = host.output("id", "-u", "vc5").strip()
    assert set(fields["Uid"].split()) == {vc5} != {"0"}
    for kind in ("CapEff", "CapPrm", "CapAmb", "CapBnd"):
        assert int(fields[kind], 16) == CAPABILITIES, kind
    assert fields["NoNewPrivs"] == "1"
    assert host.property("Type") == "notify"
    assert all(real["up"] for real in status(host)["services"][f"{VIP}:80:tcp"]["reals"].values())
    assert "warning" not in host.journal()
    assert "interface.rp_filter" not in host.journal(), "the sysctl.d file has done that"


def test_who_may_use_the_control_socket(host: Host) -> None:
    host.run("runuser", "-u", "vc5", "--", "vc5ctl", "status")
    stranger = host.run("runuser", "-u", "nobody", "--", "vc5ctl", "status", check=False)
    assert stranger.returncode == 1
    assert "no permission" in stranger.stderr
    host.run("runuser", "-u", "nobody", "-g", "vc5", "--", "vc5ctl", "status")


def test_exposure(host: Host) -> None:
    host.run("systemd-analyze", "security", "--threshold=25", "vc5d")


def test_a_reload_waits_and_says_why_it_failed(host: Host) -> None:
    before = status(host)["digest"]
    document(host, "bad")
    assert host.run("systemctl", "reload", "vc5d", check=False).returncode != 0
    assert "vc5ctl: error: /etc/vc5/config.json" in host.journal()
    assert status(host)["digest"] == before
    assert routed(host)
    document(host, "good")
    host.run("systemctl", "reload", "vc5d")
    assert status(host)["reload_failure"] is None


def test_a_restart_withdraws_nothing(host: Host) -> None:
    pid, since = main_pid(host), learned(host)
    with routes_watched(host) as seen:
        host.run("systemctl", "restart", "vc5d")
        until(lambda: status(host).get("vips", {}).get(VIP, {}).get("up"))
    assert seen == [], host.journal()[-2000:]
    assert main_pid(host) != pid
    assert learned(host) == since, "BIRD has not seen it go"
    assert host.property("NFileDescriptorStore") == "0", "taken out, or it would outlive a crash"
    assert "announce.kept" in host.journal()
    assert "announce.adopted vips=1" in host.journal()


def test_restarts_in_a_row_withdraw_nothing(host: Host) -> None:
    """vc5d asks systemd what it is about to do, while systemd does it."""
    with routes_watched(host) as seen:
        for _ in range(5):
            host.run("systemctl", "restart", "vc5d")
            until(lambda: status(host).get("vips", {}).get(VIP, {}).get("up"), 15)
    assert seen == [], host.journal()[-2000:]


def test_a_restart_finds_what_went_down_meanwhile(host: Host) -> None:
    """What was announced stays only until health says otherwise."""
    document(host, "good")
    raw = raw_document({"type": "http", "path": "/no"})
    (host.root / "etc/vc5/config.json").write_bytes(file_content(raw))
    host.run("systemctl", "restart", "vc5d")
    until(lambda: not routed(host) and not learned(host))


def test_a_crash_withdraws(host: Host) -> None:
    host.run("kill", "-9", main_pid(host))
    until(lambda: not routed(host) and not learned(host), 1)
    until(lambda: routed(host) and learned(host), 15)


def test_after_a_restart_a_crash_withdraws_as_well(host: Host) -> None:
    host.run("systemctl", "restart", "vc5d")
    assert routed(host), host.journal()[-2000:]
    host.run("kill", "-9", main_pid(host))
    until(lambda: not routed(host) and not learned(host), 1)


@pytest.mark.parametrize("how", ["the document is bad", "it cannot even be started"])
def test_a_restart_that_fails_withdraws(host: Host, how: str) -> None:
    command = "/usr/lib/vc5/venv/bin/vc5d"
    if how == "the document is bad":
        document(host, "bad")
    else:
        host.run("chmod", "a-x", command)
    try:
        assert host.run("systemctl", "restart", "vc5d", check=False).returncode != 0
        until(lambda: not routed(host) and not learned(host), 3)
        assert "vc5" not in host.output("ip", "-brief", "link", "show")
        document(host, "good")
    finally:
        host.run("chmod", "a+x", command)
    until(lambda: routed(host) and learned(host), 15)


def test_a_hung_daemon_is_killed(host: Host) -> None:
    """Stopped by a signal, nothing of it turns any more: with the unit's own WatchdogSec but shorter."""
    drop_in = host.root / "etc/systemd/system/vc5d.service.d/watchdog.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nWatchdogSec=2\n")
    host.run("systemctl", "daemon-reload")
    try:
        host.run("systemctl", "restart", "vc5d")
        pid = main_pid(host)
        time.sleep(5)
        assert main_pid(host) == pid, "it feeds the watchdog"
        host.run("kill", "-STOP", pid)
        until(lambda: not routed(host) and not learned(host), 8)
        until(lambda: main_pid(host) not in ("0", pid) and routed(host), 15)
        assert "Watchdog timeout" in host.journal()
    finally:
        drop_in.unlink()
        host.run("systemctl", "daemon-reload")


def test_stopping_withdraws_and_goes_on_forwarding(host: Host) -> None:
    host.run("systemctl", "stop", "vc5d")
    assert not routed(host)
    until(lambda: not learned(host))
    assert host.property("Result") == "success"
    assert "prog/xdp" in host.output("ip", "link", "show", "eth10")
    assert len(host.output("ip", "rule").splitlines()) == 3
    assert [path for path in host.output("ls", "/sys/fs/bpf/vc5").split() if path.startswith("link_")]
    host.run("vc5d", "--uninstall")
    assert "prog/xdp" not in host.output("ip", "link", "show", "eth10")
    assert "vc5" not in host.output("ls", "/sys/fs/bpf").split()


def test_bird_gone_and_back(host: Host) -> None:
    host.run("systemctl", "stop", "bird")
    assert routed(host)
    host.run("systemctl", "start", "bird")
    until(lambda: learned(host))


def test_a_vc5d_that_ran_as_root_is_taken_over(host: Host) -> None:
    host.run("systemctl", "stop", "vc5d")
    host.run("chown", "-R", "root:root", "/sys/fs/bpf/vc5")
    host.run("systemctl", "start", "vc5d")
    assert "dataplane.adopted" in host.journal()
    until(lambda: routed(host))


def test_uninstalled_and_installed_again(host: Host) -> None:
    """By the commands that a person gives, on the host itself, which has no way to any network."""
    tree = str(Path(__file__).parents[2])
    before = installed(host)
    assert "/usr/bin/vc5d" in before
    told = host.output(f"{tree}/tools/install", "uninstall")
    assert "kept" in told
    assert "/etc/default/vc5d" in told, "somebody has edited it"
    assert [path for path in installed(host) if not path.startswith("/etc/")] == []
    assert host.run("id", "vc5", check=False).returncode == 1
    assert "prog/xdp" not in host.output("ip", "link", "show", "eth10")
    host.run(f"{tree}/tools/install", "install")
    assert installed(host) == before
    host.run("systemctl", "start", "vc5d")
    until(lambda: routed(host), 15)


def installed(host: Host) -> list[str]:
    """Every file, but for what Python compiles."""
    found = host.output(
        "find", "/usr", "/etc", "/var/lib", "-path", "*vc5*", "-not", "-name", "*.pyc", "-type", "f"
    )
    links = host.output("find", "/usr/bin", "/usr/sbin", "-name", "vc5*")
    return sorted({*found.splitlines(), *links.splitlines()})
