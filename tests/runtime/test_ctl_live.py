"""vc5ctl's pages and doctor against a running vc5d with the real program."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live
import pytest
from live import SERVICE, Host
from wire import REAL1, REAL2, VIP, Wire, output, until

pytestmark = [pytest.mark.lab, pytest.mark.bpf]


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from live.made()


@pytest.fixture
def installed(wire: Wire, tmp_path: Path) -> Iterator[Host]:
    yield from live.installed(wire, tmp_path)


def said(host: Host, *words: str) -> Any:
    done = host.ctl(*words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def findings(host: Host, *words: str, code: int = 0) -> dict[str, list[dict[str, str]]]:
    """By level."""
    done = host.ctl(
        "doctor", "--pin", str(host.pins), "--bird", str(host.directory / "none"), "--json", *words
    )
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (code, "", 1)
    result: dict[str, list[dict[str, str]]] = {"ok": [], "warn": [], "fail": []}
    for each in json.loads(done.stdout):
        result[each["level"]].append(each)
    return result


def whats(found: list[dict[str, str]]) -> str:
    assert all(each["why"] and each["fix"] for each in found)
    return "\n".join(f"{each['area']}: {each['what']}" for each in found)


def test_pages(installed: Host) -> None:
    installed.send(installed.frame("203.0.113.7", 1, dport=81), installed.frame("203.0.113.7", 1))
    (service,) = said(installed, "services").values()
    assert (service["need"], service["packets"], "reals" in service) == (1, 1, False)
    assert {(each["real"], each["service"], each["state"]) for each in said(installed, "reals")} == {
        (REAL1, SERVICE, "accepting"),
        (REAL2, SERVICE, "accepting"),
    }
    assert said(installed, "reals", "--state", "down") == []
    assert said(installed, "vips")[VIP]["announce"] is True
    (drop,) = [each for each in said(installed, "drops") if each["reason"] == "drop_unknown_port"]
    assert (drop["packets"], bool(drop["meaning"])) == (1, True)
    assert installed.ctl("drops").stdout.count("drop_unknown_port") == 2, "counted, and what to do"
    assert said(installed, "drains") == []
    assert installed.ctl("drain", "real", REAL1, "--service", SERVICE, "--force").returncode == 0
    assert said(installed, "drains") == [{"kind": "real", "real": REAL1, "service": SERVICE}]
    assert installed.ctl("drain", "real", REAL1, "--force").returncode == 0
    assert len(said(installed, "drains")) == 2, "status can say of several, too"
    assert installed.ctl("undrain", "real", REAL1).returncode == 0
    undrain = installed.ctl("drains").stdout.split("by: vc5ctl ")[1].split()
    assert installed.ctl(*undrain).returncode == 0, "the command that it names works"
    assert "nothing is drained" in installed.ctl("drains").stdout
    for words in (("services", "nowhere"), ("reals", "10.9.9.9")):
        refused = installed.ctl(*words)
        assert refused.returncode == 1
        assert refused.stderr.startswith("vc5ctl: error: there is no ")


def test_names_as_people_have_them(installed: Host) -> None:
    """Of a service its name or address, also where it is drained, listed or traced."""
    name = said(installed, "services")[SERVICE]["name"]
    for word in (name, VIP):
        assert installed.ctl("drain", "service", word, "--force").returncode == 0
        assert said(installed, "drains") == [{"kind": "service", "service": SERVICE}]
        assert installed.ctl("undrain", "service", word).returncode == 0
        assert said(installed, "flows", "--service", word)["matched"] == 0
    assert installed.ctl("drain", "vip", f"::ffff:{VIP}").returncode == 1
    for words in (("drain", "service", "shop"), ("flows", "--service", "shop"), ("trace", "service", "shop")):
        assert installed.ctl(*words).stderr.startswith("vc5ctl: error: there is no service shop\n")
    refused = installed.ctl("trace", "service", "192.0.2.99:80:tcp")
    assert refused.stderr.startswith("vc5ctl: error: there is no service 192.0.2.99:80:tcp\n")


def test_the_first_page_says_which_host_it_is(installed: Host) -> None:
    first, second, *_ = installed.ctl("status").stdout.splitlines()
    assert first.endswith(f" on {socket.gethostname()}")
    assert str(installed.config) in second


def test_flows_that_are_remembered(installed: Host) -> None:
    assert installed.ctl("drain", "real", REAL1, "--force").returncode == 0
    until(lambda: installed.states()[REAL1] == "draining")
    installed.send(*(installed.frame(f"203.0.113.{1 + port % 2}", port) for port in range(1, 201)))
    whole = said(installed, "flows", "--most", "10000")
    assert 60 < whole["matched"] == len(whole["flows"]) < 140, "those whose slot the draining real owns"
    assert whole["reals"] == [{"service": SERVICE, "real": REAL2, "flows": whole["matched"]}]
    flow = whole["flows"][0]
    assert (flow["vip"], flow["dport"], flow["protocol"], flow["half_open"]) == (VIP, 80, "tcp", True)
    assert (flow["service"], flow["real"]) == (SERVICE, REAL2)
    assert 0 <= flow["idle"] < 10
    one = said(installed, "flows", "--client", "203.0.113.1", "--most", "3")
    assert len(one["flows"]) == 3
    assert {each["client"] for each in one["flows"]} == {"203.0.113.1"}
    assert one["matched"] == sum(each["client"] == "203.0.113.1" for each in whole["flows"])
    assert said(installed, "flows", "--client", "2001:db8::/32")["matched"] == 0
    assert said(installed, "flows", "--real", REAL1)["matched"] == 0
    assert said(installed, "flows", "--service", SERVICE)["matched"] == whole["matched"]
    shown = installed.ctl("flows", "--most", "2").stdout
    assert f"and {whole['matched'] - 2} more" in shown
    for words in (("--real", "10.9.9.9"), ("--service", "x"), ("--client", "x")):
        assert installed.ctl("flows", *words).returncode == 1


def test_watching(installed: Host) -> None:
    heeds = ["env", "--default-signal=INT"]  # where a shell's background job would ignore it
    command = [*heeds, *installed.command, "services", "--watch", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout
        seen = ""
        end = time.monotonic() + 10
        while not re.search(rf"{SERVICE} .* [1-9]\d* +[1-9][\d.]* k? ", seen):
            assert time.monotonic() < end, seen
            installed.send(*[installed.frame("203.0.113.7", 1)] * 50)
            seen = watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=10)
        assert watching.returncode == 0


def test_doctor_of_a_host_that_is_well(installed: Host) -> None:
    found = findings(installed)
    assert found["fail"] == []
    well = "\n".join(each["what"] for each in found["ok"])
    assert "it runs, version" in well
    assert "VLAN 20 (10.66.20.0/24): eth20" in well
    assert "the MACs of all 2 are known" in well
    assert "is the one that runs" in well


def test_doctor_finds_what_was_broken_on_purpose(installed: Host) -> None:
    lb = installed.wire.lb
    output("ip", "address", "add", f"{VIP}/32", "dev", "lo", netns=lb)
    output("ethtool", "-K", "eth10", "rxvlan", "on", netns=lb)
    time.sleep(1.5)  # vc5d sees both, and relaxes rp_filter once more
    strict = [f"net.ipv4.conf.{name}.rp_filter=1" for name in ("all", "eth10", "eth20")]
    output("sysctl", "-q", *strict, netns=lb)
    installed.write(need=2)
    try:
        found = findings(installed, code=1)
        wrong = whats(found["fail"])
        assert f"VIPs: {VIP} is an address of this host, on lo" in wrong
        assert "eth10: rp_filter is strict (1)" in wrong
        assert "eth20: rp_filter is strict (1)" in wrong
        assert "eth10: rxvlan is on" in wrong
        assert "document: the file is another document than the one that runs" in whats(found["warn"])
        for each in found["fail"]:  # the commands that it names mend it
            subprocess.run(["nsenter", f"--net=/run/netns/{lb}", "sh", "-c", each["fix"]], check=True)
        done = installed.ctl("reload", "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["changed"] in (True, False)
        assert findings(installed)["fail"] == []
    finally:
        output("sysctl", "-q", "net.ipv4.conf.all.rp_filter=0", netns=lb)
        subprocess.run(["ip", "-n", lb, "address", "del", f"{VIP}/32", "dev", "lo"], check=False)
    output("ip", "address", "del", "10.66.20.1/24", "dev", "eth20", netns=lb)
    try:
        assert "no interface has an address in VLAN 20" in whats(findings(installed, code=1)["fail"])
    finally:
        output("ip", "address", "add", "10.66.20.1/24", "dev", "eth20", netns=lb)


def test_doctor_fails_by_a_document_that_the_next_start_would_refuse(installed: Host) -> None:
    installed.config.write_text('{"version"')
    assert "document: " + str(installed.config) in whats(findings(installed, code=1)["fail"])


def test_doctor_names_all_that_a_killed_vc5d_left(installed: Host) -> None:
    tracing = installed.trace()
    installed.daemon.kill()
    installed.daemon.wait()
    tracing.process.communicate(timeout=10)
    warned = findings(installed, "--document", str(installed.config))["warn"]
    assert any(each["fix"].startswith(f"vc5d --uninstall --pin {installed.pins} ") for each in warned)
    left = whats(warned)
    assert "vc5d: it does not run" in left
    assert "the program is on eth10 without a vc5d" in left
    assert "the tracing program is on eth10" in left
    assert f"pinned in {installed.pins}" in left
    assert re.search(r"\d+ routing rules of health checks .* and 2 routing tables", left)
    output(
        "ip",
        "route",
        "add",
        f"{VIP}/32",
        "dev",
        "lo",
        "table",
        "205",
        "proto",
        "205",
        netns=installed.wire.lb,
    )
    found = findings(installed, code=1)["fail"]
    assert f"routes of announced VIPs without a vc5d: {VIP}" in whats(found)
    output(
        "ip",
        "route",
        "replace",
        "192.0.2.81/32",
        "dev",
        "lo",
        "table",
        "205",
        "proto",
        "206",
        netns=installed.wire.lb,
    )
    (fault,) = findings(installed, code=1)["fail"]
    inside = ["nsenter", f"--net=/run/netns/{installed.wire.lb}", "sh", "-ec"]
    subprocess.run([*inside, fault["fix"]], check=False, stderr=subprocess.DEVNULL)
    assert output("ip", "route", "show", "table", "205", netns=installed.wire.lb) == "", "as it said"
    installed.uninstall()
    done = findings(installed)
    assert "it does not run, and nothing of it is left" in [each["what"] for each in done["ok"]]
    installed.daemon = installed.start()
