"""Where things are unless the command line says otherwise; the same for vc5d and vc5ctl."""

from __future__ import annotations

from pathlib import Path

PIN_DIR = Path("/sys/fs/bpf/vc5")
SOCKET = Path("/run/vc5/vc5d.sock")
BIRD = Path("/run/bird/bird.ctl")  # its control socket
STATE_DIR = Path("/var/lib/vc5")
WEB = "127.0.0.1:8005"
