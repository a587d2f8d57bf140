"""Step j: secrets. They reach what needs them, under load, and nothing that is said, written or kept."""

from __future__ import annotations

import json
import time

from lab.host import wait_until
from lab.plan import BUILD

from fleet.machine import Box
from fleet.plan import BALANCERS
from fleet.site import EVERYONE, Site

FIRST_PORT = 14000
_TOKEN, _BGP = "vault_vc5_console_token", "vault_bird_password"
_PEERS = ", ".join(machine.address for machine in BALANCERS)
_SHARED = f"\nseed: secret\nsharing: {{peers: [{_PEERS}]}}\n"
_ASK = """\
import sys, urllib.request
headers = {"X-VC5-Console": sys.stdin.read(), "Content-Type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:8005/reload", b"{}", headers)
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def secrets(site: Site) -> None:
    report, controller = site.report, site.controller
    report.step("j", "Secrets by Vault: sharing, seed, console and BGP; site.yml -vvv under load")
    _judge_bgp(site)
    old = controller.vault[_TOKEN]
    controller.vault.seal("vault_vc5_fleet_key", "vault_vc5_seed", _TOKEN)
    with controller.config.open("a") as config:
        config.write(_SHARED)
    with site.load(FIRST_PORT) as (load, watch):
        time.sleep(1)
        play = controller.play("site.yml", "--diff", "-vvv")
        time.sleep(3)
    report.check(play.code == 0, f"{play.seconds:.0f} s, {play.total('changed')} changes", play.troubles)
    site.judge_load(load, "meanwhile")
    report.check(
        watch.fewest >= len(EVERYONE) - 1,
        f"the router never had fewer than {watch.fewest} ways: one after the other began to share",
        str([found for _, found in watch.seen]),
    )
    _judge_sharing(site)
    answers = site.ask(range(FIRST_PORT + 6000, FIRST_PORT + 6100))
    right = sum(answer.real == site.real_of(answer.source_port) for answer in answers)
    report.check(
        right == len(answers),
        f"{right} of {len(answers)} new connections are where the secret seed has them",
    )
    box = site.balancers[0]
    said = [_console(box, token) for token in (controller.vault[_TOKEN], old)]
    report.check(
        said == ["200", "403"], f"the console answers {said[0]} to its token, {said[1]} to the old one"
    )
    modes = {line for each in site.balancers for line in _modes(each).splitlines()}
    report.check(
        modes == {"600 root", "640 root"},
        f"files with secrets: mode and owner {', '.join(sorted(modes))}",
    )
    directories = [
        controller.logs,
        controller.inventory,
        BUILD / "fleet-documents",
        site.fleet.names.state / "facts",
    ]
    leaks = [str(file) for file in controller.vault.leaks(directories)]
    report.check(
        not leaks,
        f"no secret in what {len(list(controller.logs.iterdir()))} playbooks said, the last by -vvv; nor in"
        " documents, BIRD's configurations and facts on the controller",
        ", ".join(leaks),
    )


def _judge_bgp(site: Site) -> None:
    """Every session has the password, and one with another is no session."""
    password = site.controller.vault[_BGP]
    sessions = [site.box(name).output("ss", "-Htni", "( sport = :179 or dport = :179 )") for name in EVERYONE]
    protected = sum(password in said for said in sessions)
    site.report.check(
        protected == len(EVERYONE),
        f"BGP sessions of {protected} load balancers are signed with the password from the Vault",
        sessions[0].replace(password, "…")[-200:],
    )
    box = site.balancers[-1]
    files = "/etc/bird/vc5-password-*"
    box.run(
        "sh",
        "-c",
        f"for f in {files}; do cp -p $f $f.was; echo 'password \"another\";' >$f; done; birdc configure",
    )
    site.wait_ways(EVERYONE[:-1], 60)
    box.run("sh", "-c", f"for f in {files}.was; do mv $f ${{f%.was}}; done; birdc configure")
    took = site.wait_ways(EVERYONE, 60)
    site.report.check(
        True,
        f"with another password {box.name} is no way; it is {took:.1f} s after its own is back",
    )


def _judge_sharing(site: Site) -> None:
    def peers(box: Box) -> list[str]:
        said = json.loads(box.output("vc5ctl", "peers", "--json"))
        return [peer["address"] for peer in said["peers"] if said["on"] and peer["agrees"]]

    wanted = len(EVERYONE) - 1
    wait_until(
        "the load balancers hear each other",
        lambda: all(len(peers(box)) == wanted for box in site.balancers),
        30,
        every=0.5,
    )
    site.report.check(
        True, f"each load balancer shares flows with the {wanted} others, which have its document"
    )


def _console(box: Box, token: str) -> str:
    """What the console answers to a command that changes nothing: reading the same document again."""
    return box.run("python3", "-c", _ASK, stdin=token).stdout.strip()


def _modes(box: Box) -> str:
    files = "/etc/vc5/fleet /etc/vc5/seed /etc/vc5/console_token /etc/bird/vc5-password-*"
    return box.output("sh", "-c", f"stat --format='%a %U' {files}")
