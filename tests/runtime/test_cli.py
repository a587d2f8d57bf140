"""The command line: what it refuses before it touches anything, with which words and exit code."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import file_content
from vc5d import cli, host
from wire import raw_document

GOOD = {"type": "http", "path": "/alive"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_bytes(file_content(raw_document(GOOD)))
    return path


def test_check_of_a_good_document(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--check", str(config)]) == 0
    out = capsys.readouterr().out
    assert f"{config}: ok: sha256:" in out
    assert "1 services, 1 VIPs, 2 reals" in out


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to drop its capabilities")
def test_check_needs_no_privilege(config: Path) -> None:
    """Root without capabilities may still read files of its own."""
    command = ["setpriv", "--bounding-set=-all", sys.executable, "-m", "vc5d.cli", "--check", str(config)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([*command[:-2], str(config), "lo"], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert "vc5d lacks CAP_NET_ADMIN" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "config.json"),
        (b'{"version": 1, "serv', "config.json"),
        (file_content(raw_document(GOOD)).replace(b"/alive", b"/dead"), "digest"),
        (file_content(raw_document({"type": "http", "verify": True})), "no certificate to verify"),
    ],
    ids=["empty", "truncated", "tampered", "unsupported"],
)
def test_check_of_a_bad_document(
    config: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_bytes(content)
    assert cli.main(["--check", str(config)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("vc5d: error: ")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--check"],
        ["config.json"],
        ["config.json", "eth0", "eth0"],
        ["config.json", "eth0", "--mode", "fast"],
        ["config.json", "eth0", "--table", "254"],
        ["config.json", "eth0", "--tun", "a-name-that-is-too-long"],
        ["--uninstall", "config.json"],
        ["config.json", "eth0", "--what"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: vc5d" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "wanted"), [("--grace", "0 to 3600 seconds"), ("--table", "a private")])
def test_a_number_that_is_none_is_told_what_is_wanted(
    option: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["config.json", "eth0", option, "x"])
    assert f"argument {option}: 'x' is not {wanted}" in capsys.readouterr().err


def test_options_may_stand_anywhere(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(config), "--object", "/nowhere", "nic0", "--mode", "native", "nic1"]) == 1
    err = capsys.readouterr().err
    assert "no interface nic0" in err
    assert "no interface nic1" in err


def test_every_problem_of_the_host_at_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(config), "loo", "--object", "/nowhere/vc5.bpf.o", "--pin", "/tmp/vc5"]) == 1
    err = capsys.readouterr().err
    assert "there is no interface loo\n  hint: did you mean lo?" in err
    assert "the XDP program /nowhere/vc5.bpf.o does not exist\n  hint: make build" in err
    assert "/tmp/vc5 is not on a BPF file system" in err


def test_the_object_that_is_named_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VC5_OBJECT", "/some/where.o")
    assert host.default_object() == Path("/some/where.o")
    monkeypatch.delenv("VC5_OBJECT")
    assert host.default_object().name == "vc5.bpf.o"


MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/vda rw
23 22 0:21 / /sys rw shared:1 - sysfs sysfs rw
24 23 0:22 / /sys/fs/bpf rw shared:2 - bpf bpf rw
25 24 0:23 / /sys/fs/bpf/not rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("pins", "kind"),
    [
        ("/sys/fs/bpf/vc5", None),
        ("/sys/fs/bpf", "the whole BPF file system"),
        ("/sys/fs/bpf/not/vc5", "is tmpfs)"),
        ("/sys/fs/bpfs", "is sysfs)"),
        ("/run/vc5", "is ext4)"),
    ],
)
def test_where_pins_can_be(tmp_path: Path, pins: str, kind: str | None) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    problem = host.bpffs_problem(Path(pins), mounts)
    assert (problem and kind and kind in problem.message) == (kind and True)


@pytest.mark.parametrize(
    ("effective", "lacks"),
    [
        ("000001ffffffffff", None),
        ("0000000000203000", None),  # net_admin, net_raw, sys_admin
        ("000000c000003000", None),  # net_admin, net_raw, perfmon, bpf
        ("0000000000003000", "CAP_PERFMON, CAP_BPF"),
        ("0000000000201000", "CAP_NET_RAW"),
        ("0000000000000000", "CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON, CAP_BPF"),
    ],
)
def test_capabilities(tmp_path: Path, effective: str, lacks: str | None) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapEff:\t{effective}\nCapBnd:\t0\n")
    problem = host._capabilities(status)
    assert (problem.message if problem else None) == (f"vc5d lacks {lacks}" if lacks else None)


@pytest.mark.parametrize(
    ("every", "own", "after"),
    [(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 0, 2), (1, 1, 2), (1, 2, 2), (2, 0, 0), (2, 1, 0), (2, 2, 2)],
)
def test_rp_filter(tmp_path: Path, every: int, own: int, after: int) -> None:
    """The kernel takes the larger of the two: strict (1) must never be what counts."""
    for name, value in (("all", every), ("eth0", own)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rp_filter").write_text(f"{value}\n")
    changed = host.relax_rp_filter("eth0", tmp_path)
    assert int((tmp_path / "eth0" / "rp_filter").read_text()) == after
    assert changed == ((own, after) if own != after else None)
    assert max(every, after) != 1


def test_uninstall_is_refused_while_vc5d_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "s"))
        daemon.listen()
        assert cli.main(["--uninstall", "--socket", str(tmp_path / "s"), "--pin", str(tmp_path)]) == 1
    assert "vc5d is running" in capsys.readouterr().err


def test_log_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from vc5d import log

    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    log.setup("info")
    log.info("real.down", real="10.0.0.1", reason='HTTP 503,\n"x"', nothing="")
    log.debug("quiet")
    line = capsys.readouterr().err
    assert line.endswith(' info real.down real=10.0.0.1 reason="HTTP 503,\\n\\"x\\"" nothing=""\n')


def test_a_defect_is_one_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    from vc5d import log

    def breaks() -> None:
        raise ZeroDivisionError("oh\nno")

    log.setup("info")
    try:
        breaks()
    except ZeroDivisionError as failure:
        log.defect("task.defect", failure)
        logging.getLogger("asyncio").exception("Exception in callback\nhandle")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "error task.defect error=" in lines[0]
    assert "test_cli.py:" in lines[0]
    assert lines[0].endswith('breaks"')
    assert "Exception in callback handle error=" in lines[1]
    assert "Traceback" not in "".join(lines)


def test_an_unexpected_failure_is_a_line_and_no_traceback(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(cli, "check", breaks)
    assert cli.main(["--check", str(config)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("vc5d: error: a defect of vc5d: ZeroDivisionError('oh') at outcome.py:")
    assert "Traceback" not in err
    monkeypatch.setattr(cli, "check", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert cli.main(["--check", str(config)]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_is_no_complaint(config: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "vc5d.cli", "--check", str(config)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_output_that_is_full_is_no_defect(config: Path) -> None:
    command = [sys.executable, "-m", "vc5d.cli", "--check", str(config)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    said = b"vc5d: error: its output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace")
def test_one_vc5d_in_a_network_and_one_with_a_directory(tmp_path: Path) -> None:
    """Each ends with its process. In another network namespace another vc5d may run, with pins of its own."""
    claim = "import sys; from pathlib import Path; from vc5d.alone import Alone; alone = Alone();"
    network, pins = claim + "alone.in_network()", claim + f"alone.with_pins(Path({str(tmp_path)!r}))"
    wait = "; print(flush=True); sys.stdin.read()"
    apart = ["unshare", "--net", sys.executable, "-c"]
    with subprocess.Popen(
        [*apart, network + "; " + pins.removeprefix(claim) + wait],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as first:
        assert first.stdout
        assert first.stdin
        first.stdout.readline()
        inside = ["nsenter", f"--net=/proc/{first.pid}/ns/net", sys.executable, "-c"]
        for command, refused in (
            ([*inside, network], "another vc5d is running in this network namespace"),
            ([*apart, network], None),
            ([*apart, pins], "another vc5d uses the pins"),
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (refused in done.stderr) if refused else (done.returncode == 0)
        first.stdin.close()
        first.wait()
    assert subprocess.run([*apart, pins], check=False).returncode == 0


def test_as_many_files_as_the_system_allows() -> None:
    code = (
        "import resource as r; from vc5d.host import allow_open_files; h = r.getrlimit(r.RLIMIT_NOFILE)[1];"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, h)); allow_open_files();"
        "assert r.getrlimit(r.RLIMIT_NOFILE) == (h, h)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
