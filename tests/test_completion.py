"""`--completion SHELL` of the three commands, as the shells take it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BIN = Path(__file__).parents[1] / ".venv" / "bin"
COMMANDS = {"vc5c": "--router-id", "vc5d": "--uninstall", "vc5ctl": "--socket"}


def script(command: str, shell: str) -> str:
    done = subprocess.run([BIN / command, "--completion", shell], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_completes(command: str) -> None:
    """In a bash of its own: what it would offer for the option's first letters."""
    wanted = COMMANDS[command]
    asked = (
        f"{script(command, 'bash')}\n"
        f"COMP_WORDS=({command} {wanted[:4]}); COMP_CWORD=1\n"
        f"_shtab_{command} {command} {wanted[:4]} {command} 2>/dev/null\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
    assert wanted in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_shell_parses_it(command: str, shell: str) -> None:
    text = script(command, shell)
    assert COMMANDS[command].lstrip("-") in text
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
