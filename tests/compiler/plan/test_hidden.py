"""No form of the plan shows a secret of `logging`, neither the old nor the new; that one changed is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from vc5c import cli

CONFIG = """
logging:
  alert: {alert}
  slack: https://hooks.slack.com/services/{secret}
  teams: {{file: /etc/vc5/teams}}
  webhooks:
    https://a.example/{secret}: {{type: teams}}
    https://a.example/topsecret0: {{level: 3}}
    oncall: {{url: "https://b.example/{secret}"}}
  elasticsearch: {{index: vc5, username: me, password: {secret}}}
services:
  - virtual: 192.168.101.1
    servers: [10.1.10.10]
    policy: {{http: }}
"""


@pytest.mark.parametrize("form", ["human", "json", "markdown"])
@pytest.mark.parametrize("first", [False, True])
def test_secrets_are_not_shown(
    form: str, first: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(CONFIG.format(secret="topsecret1", alert=4))
    new.write_text(CONFIG.format(secret="topsecret2", alert=4))
    if first:
        old.write_text(
            CONFIG.partition("services:")[1]
            + CONFIG.partition("services:")[2].replace("{{", "{").replace("}}", "}")
        )
    cli.main(["--diff", str(old), str(new), "--plan-format", form])
    said = capsys.readouterr().out
    assert "logging" in said
    assert "***" in said
    assert first or "another" in said or form == "human", "that it is another one"
    assert "topsecret" not in said
