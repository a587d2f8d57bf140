"""The events, by the part of vc5d that they are of. Names are what one searches for: they stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """levels: those that it may have. keys: those that it may have, of keys.KEYS. category, type, outcome: of
    ECS. ends: the event whose trouble is over with this one."""

    name: str
    levels: str
    meaning: str
    keys: str
    category: str = "network"
    type: str = "info"
    outcome: str = ""
    ends: str = ""


_PARTS: Mapping[str, tuple[Event, ...]] = {
    "The daemon": (
        Event("ready", "info", "The start is done; traffic flows and VIPs may be announced.",
            "document digest", "process", "start", "success"),
        Event("stopping", "info", "SIGTERM or SIGINT came.", "forwarding", "process", "end"),
        Event("stopped", "info", "SIGTERM or SIGINT came before the start was done.", "ready", "process", "end"),
        Event("uninstalled", "info", "`vc5d --uninstall` removed the program, pins, rules and routes.",
            "pins interfaces", "process", "deletion", "success"),
        Event("reload.done", "info", "The document was read again and is live.", "digest changed",
            "configuration", "change", "success", ends="reload.failed"),
        Event("reload.failed", "error", "The new document was refused; the running one stays as it was.",
            "error hint running", "configuration", "change", "failure"),
        Event("drain", "notice", "An operator took something out of service.", "target", "configuration", "change"),
        Event("undrain", "notice", "An operator put it back.", "target", "configuration", "change", ends="drain"),
    ),
    "VIPs": (
        Event("vip.up", "info", "Every service of the VIP has the reals that it needs.", "vip priority",
            type="change", outcome="success", ends="vip.down"),
        Event("vip.down", "error warning notice info",
            "A service of the VIP lacks reals. The level is by priority: critical, high, medium, low.",
            "vip priority why", type="change", outcome="failure"),
        Event("announce", "info", "The VIP's route is there for BIRD to announce.", "vip", type="start"),
        Event("announce.leaving", "info warning",
            "The route says GRACEFUL_SHUTDOWN (RFC 8326); as a warning: that could not be said.",
            "vip community error", type="change"),
        Event("withdraw", "info", "The VIP's route is gone.", "vip", type="end"),
        Event("announce.failed", "error", "The kernel refused the routes; tried again until it takes them.",
            "error then", type="error", outcome="failure"),
        Event("announce.kept", "info", "At the end, for a restart: the routes stay until the next vc5d has started.",
            "vips until"),
        Event("announce.adopted", "info", "At the start: the routes that the vc5d before has kept.", "vips device"),
        Event("restart.not_kept", "warning", "systemd restarts vc5d but did not keep the routes' device.",
            "unit then needed", "process", "error", "failure"),
        Event("announce.withdraw", "warning", "The routes could not be removed; they go with their device.",
            "error", type="error", outcome="failure"),
    ),
    "Reals and their checks": (
        Event("real.up", "info", "The real's checks pass.", "service real reason", type="change",
            outcome="success", ends="real.down"),
        Event("real.down", "info", "The real's checks fail.", "service real reason", type="change",
            outcome="failure"),
        Event("real.lingered", "info", "The time is over for which a failed real kept its flows.",
            "service real", type="change"),
        Event("real.unreachable", "warning", "No interface leads to the real: one of those with this reason.",
            "real why", type="error", outcome="failure"),
        Event("real.places", "warning", "Where the reals are could not be found out; tried again.", "error",
            type="error", outcome="failure"),
        Event("probe", "debug", "One probe, when `logging` has `probes`: said whatever the log's level is.",
            "service real check ok reason seconds"),
        Event("check.trouble", "warning", "This host could not carry out checks; that says nothing of the reals.",
            "why checks", "host", "error", "unknown"),
        Event("check.defect", "error", "A defect in one type of check.", "error at", "process", "error", "failure"),
        Event("check.listener", "error", "A defect in what listens to probes; they are no longer told.", "error at",
            "process", "error", "failure"),
        Event("health.rules", "warning", "The policy routing rules of checks were missing, or refused.",
            "missing family error", type="error", outcome="failure"),
        Event("health.path", "warning", "The kernel refused the route of a real's checks.", "real interface error",
            type="error", outcome="failure"),
        Event("health.path.left", "warning", "The rules of checks could not be removed at the end.", "error",
            type="error", outcome="failure"),
    ),
    "Neighbors": (
        Event("neighbor.mac", "info", "A real's MAC is known, or another one now.", "real mac pinned",
            type="change"),
        Event("neighbor.contradicted", "warning", "ARP says another MAC than the configuration.",
            "real pinned answers traffic", type="error"),
        Event("neighbor.events", "warning", "The kernel's events were lost; everything is read again.", "error",
            type="error", outcome="failure"),
        Event("neighbor.questions", "warning", "Neighbors could not be asked; tried again.", "error", type="error",
            outcome="failure"),
        Event("neighbor.question", "debug", "One neighbor could not be asked.", "real error", type="error",
            outcome="failure"),
        Event("neighbor.doubt", "debug", "The kernel would not look again for a real that failed.", "real error",
            type="error", outcome="failure"),
    ),
    "The data path": (
        Event("dataplane.loaded", "info", "The program and its maps are new.", "pins", "driver", "start", "success"),
        Event("dataplane.adopted", "info", "The program that was there already is taken over.", "pins", "driver",
            "start", "success"),
        Event("dataplane.applied", "debug", "A document is in the maps.", "digest report", "configuration", "change",
            "success"),
        Event("dataplane.refused", "debug", "A state or MAC came too late: the document is another one.",
            "arguments error", "driver"),
        Event("interface.attached", "info", "The program is on the interface.", "interface mode", "driver", "start",
            "success", ends="interface.lost"),
        Event("interface.lost", "error warning", "The program is on the interface no more; put back when it can be.",
            "interface there error", "driver", "end", "failure"),
        Event("interface.program", "warning", "Another program than the pinned one was on the interface: the last "
            "vc5d was killed while somebody traced. The pinned one is back.", "interface", "driver", "change"),
        Event("trace.begun", "info", "Somebody traces: the tracing program is on the interfaces.", "", "driver",
            "change"),
        Event("trace.ended", "info error", "The plain program is on the interfaces again, or could not be put back.",
            "error then", "driver", "change"),
        Event("trace.failed", "error", "Tracing could not begin or go on; forwarding goes on.", "error", "driver",
            "change", "failure"),
        Event("interface.refused", "error", "The program could not be put back.", "interface error", "driver",
            "error", "failure"),
        Event("interface.mode", "warning", "The program runs in another mode than asked for.",
            "interface mode wanted needed", "driver"),
        Event("interface.veth", "warning", "A veth in native mode may lose packets.", "interface needed", "driver"),
        Event("interface.offload", "info warning", "An offload that XDP cannot have was turned off, or could not be.",
            "interface off error", "host", "change"),
        Event("pins.restored", "warning", "Somebody had removed pins of the program; they are there again.", "then",
            "driver", "creation", ends="pins.lost"),
        Event("pins.lost", "error", "Pins were removed and cannot be put back.", "error then", "driver", "error",
            "failure"),
        Event("traffic.unseen", "error", "Frames arrive, and the program counts none of them.",
            "interfaces frames needed", "driver", "error", "failure"),
        Event("traffic.seen", "info", "The program counts frames again.", "", "driver", "info", "success",
            ends="traffic.unseen"),
        Event("interface.rp_filter", "info warning", "The reverse path filter was relaxed, or could not be.",
            "interface was now error needed", "host", "change"),
    ),
    "HTTP": (
        Event("web.listening", "info warning", "Console and metrics are served; a warning if not only on localhost.",
            "address", "web", "start", "success"),
        Event("web.address", "error", "The document's `webserver` cannot be used.", "webserver error instead",
            "configuration", "error", "failure"),
        Event("web.refused", "error", "The address is taken; tried again.", "address error", "web", "error",
            "failure"),
        Event("web.defect", "error", "A defect in answering a request.", "error at", "web", "error", "failure"),
        Event("web.webroot", "error", "The document's `webroot` cannot be used.", "webroot error instead",
            "configuration", "error", "failure"),
        Event("console.asked", "info", "The console was used to change something.", "command client", "web",
            "change"),
        Event("console.refused", "warning", "Somebody gave a wrong token.", "client", "web", "denied", "failure"),
        Event("console.slow", "debug", "A page did not take what it was sent, and was dropped.", "", "web"),
        Event("console.defect", "error", "A defect in what the console is told.", "error at", "web", "error",
            "failure"),
    ),
    "The log and its sinks": (
        Event("sink.failed", "warning", "A sink took nothing; tried again, less and less often, up to once a minute.",
            "sink error", "host", "error", "failure"),
        Event("sink.works", "info", "A sink that had failed takes events again.", "sink sent dropped", "host", "info",
            "success", ends="sink.failed"),
        Event("sink.full", "warning", "Events are dropped, because so many wait. Said once until all was sent.",
            "sink dropped", "host", "error", "failure"),
        Event("sink.rejected", "warning", "A sink refused what it was sent for good, so that was dropped.",
            "sink error dropped", "host", "error", "failure"),
        Event("sink.off", "error", "A sink cannot be used; everything else goes on without it.", "sink error hint",
            "configuration", "error", "failure"),
        Event("logging.unknown", "warning", "A key of `logging` that means nothing to vc5d.", "key",
            "configuration"),
        Event("sink.silent", "warning", "A sink asks for events graver than any that there are.", "sink hint", "configuration"),
        Event("sink.unsent", "warning", "vc5d ended, or the sink was taken out, before everything was sent.", "sink events error", "host",
            "error", "failure"),
        Event("journal.missed", "warning", "The journal stood still, and events did not reach it.", "events", "host",
            "error", "failure"),
    ),
    "Defects": (
        Event("watchdog.starved", "error", "The dataplane has not answered for long; vc5d lets itself be killed.",
            "then", "process", "error", "failure"),
        Event("background.defect", "error", "A part failed that never should; vc5d ends, and starts anew.",
            "error at", "process", "error", "failure"),
        Event("reload.defect", "error", "A defect while reloading; the running document stays.", "error at",
            "process", "error", "failure"),
        Event("control.defect", "error", "A defect in answering vc5ctl.", "error at", "process", "error", "failure"),
        Event("task.defect", "error", "A defect in a part of its own.", "error at", "process", "error", "failure"),
        Event("library", "warning error critical", "What a library that vc5d uses has to say; only in its log.",
            "error at", "library"),
    ),
}  # fmt: skip

PARTS: Mapping[str, tuple[Event, ...]] = _PARTS
EVENTS: Mapping[str, Event] = {event.name: event for part in PARTS.values() for event in part}
