"""Checks of real servers (nginx, BIND, openssl's certificates) and of ports that misbehave, IPv4 and IPv6.

real1 runs the servers on the VIPs; BIND cannot be made to fail as wanted, so broken DNS answers come from a
responder made of dnspython (`_RESPONDER`)."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import wire as wires
from vc5d.document import ServiceKey
from vc5d.health import tls
from vc5d.health.checks import Check, Plan
from vc5d.health.marks import Paths
from vc5d.health.probers import Probed, Probers
from vc5d.health.state import Condition, Result, Rule
from vc5d.health.watch import Watch
from vc5d.network.netlink import open_netlink
from vc5d.network.vlans import host_addresses, vlan_interfaces
from wire import REAL1, REAL1_6, REAL2, REAL2_6, SILENT, SILENT6, VIP, VIP6, Wire, output

pytestmark = pytest.mark.lab

REAL_OF = {VIP: REAL1, VIP6: REAL1_6, SILENT: REAL1, SILENT6: REAL1_6}
BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
CERTIFICATES = {"good": 443, "expired": 444, "other": 445, "self": 446}
RESETS, MUTE, CLOSES = 7001, 7002, 7003  # accepts and resets; accepts and says nothing; accepts and closes
DNS_FAULTS = {"servfail": 5301, "wrong-id": 5302, "question": 5303, "malformed": 5304, "noise-first": 5305}

_MISMATCH = "Hostname mismatch, certificate is not valid for '%s.example.org'"

_NGINX = """
daemon off; master_process off; user nobody nogroup; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
worker_processes 1; worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}
http {{
  access_log off;
  server {{ listen 80 backlog=4096; listen [::]:80 backlog=4096;
    location /alive {{ return 200 "alive"; }} location / {{ return 503; }} }}
  {tls}
}}
"""
_NAMED = """
options {{ directory "{folder}"; pid-file none; session-keyfile none; recursion no; listen-on {{ any; }};
  listen-on-v6 {{ any; }}; {version} }};
controls {{ }};
"""
_RESPONDER = """
import socket, sys, threading
import dns.message, dns.rcode
def answer(fault, raw):
    question = dns.message.from_wire(raw)
    made = dns.message.make_response(question)
    if fault == "servfail": made.set_rcode(dns.rcode.SERVFAIL)
    if fault == "wrong-id": made.id ^= 1
    if fault == "question":
        made = dns.message.make_response(dns.message.make_query("example.org", "A", id=question.id))
    wire = made.to_wire()
    return wire[:-3] if fault == "malformed" else wire
def serve_udp(fault, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, port))
    while True:
        raw, peer = s.recvfrom(4096)
        if fault == "noise-first": s.sendto(bytes([raw[0] ^ 255]) + b"noise", peer)
        s.sendto(answer(fault, raw), peer)
def serve_tcp(fault, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.create_server((address, port), family=family)
    while True:
        c, _ = s.accept()
        raw = answer(fault, c.recv(4096)[2:])
        for byte in len(raw).to_bytes(2, "big") + raw: c.send(bytes([byte]))
        c.close()
for pair in sys.argv[3:]:
    fault, port = pair.split("=")
    for address in sys.argv[1:3]:
        for serve in (serve_udp, serve_tcp):
            threading.Thread(target=serve, args=(fault, address, int(port))).start()
print("ready", flush=True)
"""
_MISBEHAVING = """
import socket, struct, sys, threading
def serve(address, port, what):
    s = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    kept = []
    while True:
        c, _ = s.accept()
        if what == "resets":
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if what == "mute": kept.append(c)
        if what == "closes":  # whatever was sent is read, or closing would reset
            c.shutdown(socket.SHUT_WR)
            try:
                while c.recv(4096): pass
            except ConnectionResetError: pass
        if what != "mute": c.close()
for address in sys.argv[1:3]:
    for port, what in zip(sys.argv[3:], ("resets", "mute", "closes")):
        threading.Thread(target=serve, args=(address, int(port), what)).start()
print("ready", flush=True)
"""


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    if not shutil.which("named"):
        pytest.skip("needs BIND's named")
    folder = tmp_path_factory.mktemp("servers")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    _make_certificates(folder)
    for made in wires.made():
        _start_nginx(made, folder)
        _start_named(made, folder)
        ports = [f"{fault}={port}" for fault, port in DNS_FAULTS.items()]
        _start_script(made, _RESPONDER, VIP, VIP6, *ports)
        _start_script(made, _MISBEHAVING, VIP, VIP6, *map(str, (RESETS, MUTE, CLOSES)))
        yield made


def _start_script(wire: Wire, script: str, *arguments: str) -> None:
    command = ["nsenter", f"--net=/run/netns/{wire.real1}", sys.executable, "-c", script, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    wire.started(process)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"


def _start_nginx(wire: Wire, folder: Path) -> None:
    servers = "".join(
        f"server {{ listen {port} ssl; listen [::]:{port} ssl; ssl_certificate {folder}/{name}.pem;"
        f' ssl_certificate_key {folder}/key.pem; location / {{ return 200 "$ssl_server_name"; }} }}\n'
        for name, port in CERTIFICATES.items()
    )
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, tls=servers))
    wire.start(wire.real1, "nginx", "-p", str(folder), "-e", f"{folder}/nginx.log", "-c", "nginx.conf")
    wires.until(lambda: ":446 " in output("ss", "-Hltn", netns=wire.real1))


def _start_named(wire: Wire, folder: Path) -> None:
    for port, version in ((53, 'version "here";'), (5300, "allow-query { none; };")):
        file = folder / f"named{port}.conf"
        file.write_text(_NAMED.format(folder=folder, version=version))
        log = (folder / f"named{port}.log").open("w")
        command = [
            "nsenter",
            f"--net=/run/netns/{wire.real1}",
            "named",
            "-g",
            "-p",
            str(port),
            "-c",
            str(file),
        ]
        wire.started(subprocess.Popen(command, stdout=log, stderr=log))
        wires.until(lambda port=port: f"[{VIP6}]:{port} " in output("ss", "-Hlun", netns=wire.real1), 15)


def _make_certificates(folder: Path) -> None:
    """An authority, and certificates of it: good (www.example.org and both VIPs), expired, for another name;
    and one that nobody signed."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-days", "9", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=any", "-keyout", "key.pem", "-out", "any.csr")
    names = {
        "good": f"DNS:www.example.org,IP:{VIP},IP:{VIP6}",
        "expired": "DNS:www.example.org",
        "other": "DNS:other.example.org",
    }
    for name, alternatives in names.items():
        (folder / "ext").write_text(f"subjectAltName={alternatives}\n")
        days = "-1" if name == "expired" else "9"
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-days", days)
        openssl("x509", "-req", "-in", "any.csr", *signed, "-out", f"{name}.pem")
    openssl("x509", "-req", "-in", "any.csr", "-signkey", "key.pem", "-days", "9", "-out", "self.pem")


@pytest.fixture
def authority(
    wire: Wire, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """As if the authority were one of the host's."""
    folder = next(tmp_path_factory.getbasetemp().glob("servers*"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    tls.verified.cache_clear()
    yield
    tls.verified.cache_clear()


class Directions(Paths):
    resolves = True

    def resolved(self, real: str) -> bool:
        return self.resolves

    def unasked(self, real: str) -> bool:
        return False


def with_probers(work: Callable[[Probers], Awaitable[Any]], seen: list[Probed] | None = None) -> Any:
    async def main() -> Any:
        async with open_netlink() as netlink:
            paths = Directions(netlink)
            await paths.start()
            addresses = await host_addresses(netlink)
            places = vlan_interfaces(wires.VLANS, addresses, frozenset())
            places6 = vlan_interfaces(wires.VLANS6, addresses, frozenset())
            nobody = {f"10.66.10.{100 + i}": places[10] for i in range(20)}
            await paths.update(
                {REAL1: places[10], REAL2: places[20], REAL1_6: places6[10], REAL2_6: places6[20], **nobody}
            )
            probers = Probers(paths, seen.append if seen is not None else None)
            try:
                return await work(probers)
            finally:
                await probers.close()
                await paths.stop()

    return asyncio.run(main())


def plan(vip: str, *checks: Check, timeout: float = 2.0, real: str = "") -> Plan:
    return Plan(ServiceKey(vip, 80, "tcp"), real or REAL_OF[vip], checks, Rule(), 1.0, timeout)


def probe(vip: str, *checks: Check, timeout: float = 2.0, real: str = "") -> Result:
    result = with_probers(lambda probers: probers.round(plan(vip, *checks, timeout=timeout, real=real)))
    assert isinstance(result, Result)
    return result


@BOTH
@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check("http", 80, path="/alive"), Result(True, "HTTP 200")),
        (Check("http", 80, path="/"), Result(False, "HTTP 503, expected 200")),
        (Check("https", 444), Result(True, "HTTP 200")),
        (Check("tcp", 80), Result(True, "connected")),
        (Check("syn", 80), Result(True, "SYN answered")),
        (Check("syn", 81), Result(False, "connection refused")),
        (Check("tcp", 81), Result(False, "connection refused")),
        (Check("dns", 53, method="udp"), Result(True, "DNS NOERROR")),
        (Check("dns", 53, method="tcp"), Result(True, "DNS NOERROR")),
        (Check("dns", 5300, method="udp"), Result(True, "DNS REFUSED")),
        (Check("dns", 80, method="udp"), Result(False, "port unreachable")),
        (Check("dns", 81, method="tcp"), Result(False, "connection refused")),
        (Check("dns", DNS_FAULTS["servfail"], method="udp"), Result(False, "DNS SERVFAIL")),
        (Check("dns", DNS_FAULTS["servfail"], method="tcp"), Result(False, "DNS SERVFAIL")),
        (Check("dns", DNS_FAULTS["malformed"], method="udp"), Result(False, "not a DNS answer")),
        (
            Check("dns", DNS_FAULTS["wrong-id"], method="tcp"),
            Result(False, "a DNS answer to another question"),
        ),
        (
            Check("dns", DNS_FAULTS["question"], method="udp"),
            Result(False, "a DNS answer to another question"),
        ),
        (Check("dns", DNS_FAULTS["noise-first"], method="udp"), Result(True, "DNS NOERROR")),
        (Check("http", RESETS), Result(False, "connection reset")),
        (Check("https", RESETS), Result(False, "connection reset")),
        (Check("http", CLOSES), Result(False, "the connection was closed without an answer")),
        (Check("dns", CLOSES, method="tcp"), Result(False, "the connection was closed without an answer")),
    ],
    ids=lambda value: (
        f"{value.type}-{value.port}-{value.method}" if isinstance(value, Check) else value.reason
    ),
)
def test_the_answer_in_words(wire: Wire, vip: str, check: Check, expected: Result) -> None:
    assert probe(vip, check) == expected


@BOTH
@pytest.mark.parametrize(
    "check",
    [
        Check("http", MUTE),
        Check("https", MUTE),
        Check("dns", MUTE, method="tcp"),
        Check("dns", DNS_FAULTS["wrong-id"], method="udp"),
    ],
    ids=lambda check: f"{check.type}-{check.method}",
)
def test_a_port_that_says_nothing(wire: Wire, vip: str, check: Check) -> None:
    assert probe(vip, check, timeout=0.3) == Result(False, "no answer in 0.3 s")


@pytest.mark.parametrize("vip", [SILENT, SILENT6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", ["http", "https", "tcp", "syn", "dns"])
def test_a_real_that_drops_the_packet(wire: Wire, vip: str, kind: str) -> None:
    assert probe(vip, Check(kind, 80), timeout=0.3) == Result(False, "no answer in 0.3 s")


@BOTH
@pytest.mark.parametrize(
    ("port", "host", "expected"),
    [
        (443, "www.example.org", Result(True, "HTTP 200")),
        (443, "www.example.org:443", Result(True, "HTTP 200")),
        (443, "", Result(True, "HTTP 200")),  # it names the VIPs themselves too
        (443, "x.example.org", Result(False, _MISMATCH % "x")),
        (444, "www.example.org", Result(False, "certificate has expired")),
        (445, "www.example.org", Result(False, _MISMATCH % "www")),
        (446, "www.example.org", Result(False, "self-signed certificate")),
    ],
    ids=lambda value: value.reason if isinstance(value, Result) else str(value),
)
def test_certificates_on_request(
    wire: Wire, authority: None, vip: str, port: int, host: str, expected: Result
) -> None:
    assert probe(vip, Check("https", port, host=host, verify=True)) == expected
    assert probe(vip, Check("https", port, host=host)).passed, "not verified unless asked for"


def test_an_authority_that_the_host_does_not_know(wire: Wire) -> None:
    result = probe(VIP, Check("https", 443, host="www.example.org", verify=True))
    assert result == Result(False, "unable to get local issuer certificate")


@BOTH
@pytest.mark.parametrize("kind", ["http", "tcp", "syn", "dns"])
def test_the_mark_decides_which_real_answers(wire: Wire, vip: str, kind: str) -> None:
    """Both reals hold the VIP; only real1 serves. Asked at once, each must answer for itself."""
    check = Check(kind, 80, path="/alive")
    if kind == "dns":  # not BIND: of this question it answers three a second to each network
        check = Check(kind, DNS_FAULTS["noise-first"], method="udp")
    plans = [
        plan(vip, check, timeout=0.3, real=real)
        for real in ((REAL1, REAL2) if vip == VIP else (REAL1_6, REAL2_6))
    ]

    async def rounds(probers: Probers) -> list[list[Result]]:
        return [await asyncio.gather(*map(probers.round, plans)) for _ in range(20)]

    for first, second in with_probers(rounds):
        assert first.passed, first
        assert not second.passed, second


@pytest.mark.parametrize("kind", ["http", "syn", "dns"])
def test_a_real_without_a_mac(wire: Wire, kind: str) -> None:
    """The kernel still asks by ARP when the check's time is over."""

    async def work(probers: Probers) -> Result:
        probers._directions.resolves = False  # type: ignore[attr-defined]
        return await probers.round(plan(VIP, Check(kind, 80), timeout=0.3, real="10.66.10.119"))

    assert with_probers(work) == Result(False, "no neighbor: the real's MAC is not known")


@BOTH
def test_half_open_on_the_wire(wire: Wire, vip: str) -> None:
    """SYN, SYN+ACK, RST, and nothing more: no ACK, no second RST; no connection is left half open; nothing
    here listens; and the server's accept() returns for none."""
    with wire.inside(wire.real1):
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sniffer.bind(("eth0", 3))
    before = output("nstat", "-asz", "TcpPassiveOpens", netns=wire.real1)
    assert probe(vip, Check("syn", 80)).passed
    assert output("nstat", "-asz", "TcpPassiveOpens", netns=wire.real1) == before
    assert output("ss", "-Htn", "state", "syn-recv", netns=wire.real1) == ""
    flags = []
    sniffer.setblocking(False)
    while True:
        try:
            frame = sniffer.recv(2048)
        except BlockingIOError:
            break
        ethertype, at = frame[12:14], 14
        if ethertype == b"\x08\x00" and frame[at + 9] == 6:
            flags.append(frame[at + (frame[at] & 15) * 4 + 13])
        if ethertype == b"\x86\xdd" and frame[at + 6] == 6:
            flags.append(frame[at + 40 + 13])
    sniffer.close()
    assert [each & 0x17 for each in flags] == [0x02, 0x12, 0x14], "SYN, SYN+ACK, RST"


def test_nothing_listens(wire: Wire) -> None:
    async def work(probers: Probers) -> str:
        await probers.round(plan(VIP, *(Check(kind, 80) for kind in ("syn", "tcp", "http"))))
        sockets = output("ss", "-Hltunw") + output("ss", "-Hlx", "-p")
        return "\n".join(
            line
            for line in sockets.splitlines()
            if f"pid={os.getpid()}," in line or "LISTEN" in line.split()[1:2]
        )

    assert with_probers(work) == ""


def test_connections_end_without_time_wait(wire: Wire) -> None:
    checks = (
        Check("http", 80, path="/alive"),
        Check("tcp", 80),
        Check("dns", 53, method="tcp"),
        Check("https", 443),
    )

    async def work(probers: Probers) -> None:
        for _ in range(20):
            assert (await probers.round(plan(VIP, *checks))).passed

    with_probers(work)
    assert output("ss", "-Htan", "state", "time-wait") == ""


def test_without_descriptors_nothing_is_said_of_the_real(wire: Wire) -> None:
    kinds = [
        Check("http", 80),
        Check("https", 443),
        Check("tcp", 80),
        Check("syn", 80),
        Check("dns", 53, method="udp"),
    ]

    async def work(probers: Probers) -> list[Result]:
        for check in kinds:  # once, so that all that is made once is made
            await probers.round(plan(VIP, check))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(_descriptors()) + 1, hard))
        taken = []
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass
        try:
            return [await probers.round(plan(VIP, check)) for check in kinds]
        finally:
            for each in taken:
                os.close(each)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert set(with_probers(work)) == {Result(None, "could not check: too many open files")}


def test_without_ports_nothing_is_said_of_the_real(wire: Wire) -> None:
    """EADDRNOTAVAIL: two ports, both taken by connections to the same place."""
    file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    before = file.read_text()

    async def work(probers: Probers) -> list[Result]:
        mute = [asyncio.create_task(probers.round(plan(VIP, Check("http", MUTE)))) for _ in range(2)]
        await asyncio.sleep(0.2)
        result = [await probers.round(plan(VIP, Check(kind, MUTE))) for kind in ("http", "syn", "tcp")]
        for each in mute:
            each.cancel()
        await asyncio.gather(*mute, return_exceptions=True)
        return result

    try:
        file.write_text("50000 50001")
        results = with_probers(work)
    finally:
        file.write_text(before)
    assert set(results) == {Result(None, "could not check: cannot assign requested address")}


def test_a_stall_of_this_host_is_no_failure_of_the_real(wire: Wire) -> None:
    async def work(probers: Probers) -> Result:
        asyncio.get_running_loop().call_later(0.05, lambda: threading.Event().wait(0.6))
        return await probers.round(plan(SILENT, Check("syn", 80), timeout=0.3))

    assert with_probers(work) == Result(None, "could not check: this host was too busy to look in time")


def test_every_probe_can_be_heard(wire: Wire) -> None:
    seen: list[Probed] = []
    checks = (Check("http", 80, path="/alive"), Check("tcp", 81))
    with_probers(lambda probers: probers.round(plan(VIP, *checks)), seen)
    heard = {each.check.type: each for each in seen}
    assert len(seen) == 2
    assert (heard["http"].service, heard["http"].real) == (ServiceKey(VIP, 80, "tcp"), REAL1)
    assert (heard["http"].ok, heard["http"].reason) == (True, "HTTP 200")
    assert (heard["tcp"].ok, heard["tcp"].reason) == (False, "connection refused")
    assert 0 < heard["http"].seconds < 1


def test_no_descriptor_is_left_after_ten_thousand_checks(wire: Wire) -> None:
    """Answered, refused, reset, unanswered in time, and cancelled in the middle."""
    kinds = [
        *(
            Check(kind, port, path="/alive")
            for kind in ("http", "syn", "tcp")
            for port in (80, 81, MUTE, RESETS)
        ),
        *(Check("dns", port, method=method) for port in (53, 81, MUTE) for method in ("udp", "tcp")),
        Check("https", 443),
        Check("https", MUTE),
    ]

    async def work(probers: Probers) -> Counter[str]:
        reasons: Counter[str] = Counter()
        for _ in range(500):
            tasks = [asyncio.create_task(probers.round(plan(VIP, check, timeout=0.02))) for check in kinds]
            await asyncio.sleep(0.002)
            for task in tasks[::3]:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                reasons[outcome.reason if isinstance(outcome, Result) else type(outcome).__name__] += 1
        await asyncio.sleep(0.1)
        after = Counter(_descriptors().values())
        assert after - before <= Counter(), after - before
        return reasons

    async def opened(probers: Probers) -> Counter[str]:
        for check in kinds:
            await probers.round(plan(VIP, check, timeout=0.02))
        await asyncio.sleep(0.1)
        return Counter(_descriptors().values())

    before: Counter[str] = with_probers(opened)
    reasons = with_probers(work)
    assert reasons.total() == 10000
    assert reasons["CancelledError"] > 100
    assert reasons["no answer in 0.02 s"] > 100


def test_a_thousand_dead_reals_delay_no_healthy_one(wire: Wire) -> None:
    """900 that drop every packet and 100 whose MAC nobody knows, by every type of check, each for a second;
    beside them one healthy real ten times a second."""
    kinds = ("http", "https", "tcp", "syn", "dns")
    dead = [
        Plan(
            ServiceKey(SILENT if number % 10 else VIP, 1 + number, "tcp"),
            REAL1 if number % 10 else f"10.66.10.{100 + number // 10 % 20}",
            (Check(kinds[number % 5], 80),),
            Rule(),
            1.0,
            1.0,
        )
        for number in range(1000)
    ]
    healthy = Plan(ServiceKey(VIP, 80, "tcp"), REAL1, (Check("http", 80, path="/alive"),), Rule(), 0.1, 0.1)
    moments: list[float] = []

    async def work(probers: Probers) -> tuple[list[Condition], float]:
        async def round_of(each: Plan) -> Result:
            if each is healthy:
                moments.append(asyncio.get_running_loop().time())
            return await probers.round(each)

        async def ignore(*_: object) -> None:
            pass

        watch = Watch(round_of, ignore)
        plans = {(each.service, each.real): each for each in [*dead, healthy]}
        await watch.follow(plans)
        await asyncio.sleep(2.5)  # until every dead one has had its first
        moments.clear()
        await asyncio.sleep(4)
        conditions = [watch.condition(*name) for name in plans]
        await watch.stop()
        return conditions, watch.late

    conditions, _ = with_probers(work)
    assert not any(condition.up for condition in conditions[:-1])
    reasons = Counter(condition.reason for condition in conditions[:-1])
    assert reasons["no answer in 1 s"] >= 100, reasons
    gaps = sorted(after - before for before, after in pairwise(moments))
    assert len(moments) >= 24, "one each 0.1 s, for 4 s: behind one another they would be four"
    assert gaps[len(gaps) // 2] < 0.15


def _descriptors() -> dict[int, str]:
    """What each open file descriptor of this process is: socket, pipe, a path."""
    found = {}
    for each in Path("/proc/self/fd").iterdir():
        try:
            found[int(each.name)] = str(each.readlink()).partition(":")[0]
        except FileNotFoundError:  # the one that listed them
            continue
    return found
