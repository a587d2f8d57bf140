"""Puts a model's state straight into maps: what vc5d's generation does, in small and by another hand.

Lays everything out anew each time, in the half that is asked for; nothing here is atomic.
"""

from __future__ import annotations

import ipaddress
import struct
from itertools import accumulate
from typing import Any

import numpy as np
from vc5d.xdp.bpf import Array

from .kernel import SLOTS_PER_LINE, Kernel
from .model import Balancer, First, Real, Service, Tunnel
from .model.hashes import WORD, bucket, key_word, position, vip_bit

LIST_LINES = 4
TRACK = {"needed": 0, "full": 2, "minimal": 4}  # enum service_flags
VIP, FULL, STICKY, LEASTCONN, UP = 1, 2, 8, 16, 32
CONSULT = 4  # of enum real_state
TUNNEL = 1 << 52  # of a link word
TUNNELS = ("none", "ipip", "gre", "fou", "gue", "dscp")
V4_MAPPED = bytes(10) + b"\xff\xff"
ANY_PORT = {4: 1, 6: 2}  # enum generation_flags
BLOCK = {4: 1, 6: 2}  # enum switches
OWN, OWN_BY_INTERFACE, OWN_MANY = 4, 8, 16
OWN_NEAR, OWN_MACS, NO_MAC = 4, 68, (1 << 64) - 1  # enum own_macs

Key = tuple[bytes, int, int]  # address, port, protocol


def base(balancer: Balancer, number: int) -> int:
    """The first index of a service's block in `reals`."""
    return 1 + sum(len(service.reals) for service in balancer.services[:number])


def bases(balancer: Balancer) -> list[int]:
    """The same for every service."""
    return list(accumulate((len(service.reals) for service in balancer.services[:-1]), initial=1))


def family(service: Service) -> int:
    return 4 if len(service.packed) == 4 else 6


def usable_salt(balancer: Balancer, kernel: Kernel) -> int:
    """The balancer's own, or the next one with which there is a perfect hash: two keys may never part."""
    for salt in range(balancer.salt, balancer.salt + 100):
        try:
            for version in (4, 6):
                words = [key_word(*key) for key in index_keys(balancer, version)]
                find_displacements(words, salt & WORD, kernel.buckets, kernel.positions)
            return salt & WORD
        except NoPerfectHash:
            continue
    raise NoPerfectHash


class NoPerfectHash(Exception):
    """Too many services for the capacity, or an unlucky salt."""


def index_keys(balancer: Balancer, version: int) -> dict[Key, int | None]:
    """Each key's number of the service; None: a bare VIP."""
    keys: dict[Key, int | None] = {}
    for number, service in enumerate(balancer.services):
        if family(service) == version:
            keys[service.packed, service.port, service.protocol] = number
            keys[service.packed, 0, 0] = None
    return keys


def find_displacements(
    words: list[int], salt: int, buckets: int, size: int
) -> tuple[list[int], dict[int, int]]:
    """A perfect hash by trial: displacements, and each word's position."""
    members: dict[int, list[int]] = {}
    for word in words:
        members.setdefault(bucket(word, salt, buckets), []).append(word)
    displacements, taken, used = [0] * buckets, dict[int, int](), set[int]()
    for number, mine in sorted(members.items(), key=lambda item: -len(item[1])):
        for tried in range(4 * size):
            at = [position(word, salt, tried, size) for word in mine]
            if len(set(at)) == len(at) and used.isdisjoint(at):
                displacements[number] = tried
                used.update(at)
                taken.update(zip(mine, at, strict=True))
                break
        else:
            raise NoPerfectHash
    return displacements, taken


def link_word(real: Real) -> int:
    """MAC in bytes 0 to 5, VLAN id in network order behind it; 0: no MAC is known."""
    if not real.mac:
        return 0
    link = int.from_bytes(real.mac + struct.pack("!H", real.vlan), "little")
    return link | TUNNEL if real.tunnel else link


def tunnel_word(tunnel: Tunnel, real: Real, source: int) -> int:
    """Type, a bit for IPv6 outside, DSCP, port (network order), MTU, index of the source."""
    flags = TUNNELS.index(tunnel.type) | (":" in real.address) << 4 | tunnel.dscp << 8
    port = int.from_bytes(struct.pack("!H", tunnel.port), "little")
    return flags | port << 16 | tunnel.mtu << 32 | source << 48


def place(balancer: Balancer, kernel: Kernel, half: int = 0) -> None:
    """Everything but what packets write."""
    balancer.reindex()
    arrays = kernel.arrays
    control = arrays["control"][0]
    generation = arrays["control"]["generation"][0, half]
    _place_generation(balancer, kernel, generation, half)
    arrays["reals"][:] = np.zeros((), arrays["reals"].dtype)
    lines = _place_tables(balancer, arrays["slots"])
    for version in (4, 6):
        _place_index(balancer, version, kernel, half, lines)
    for number, (service, begin) in enumerate(zip(balancer.services, bases(balancer), strict=False)):
        _place_reals(service, number, begin, arrays)
    _place_blocks(balancer, kernel)
    _place_own(balancer, control)
    control["inserts"], control["echoes"] = balancer.inserts, balancer.echoes
    control["too_bigs"] = balancer.too_bigs
    control["session_mask"] = balancer.session_mask
    control["live"] = half + 1 if balancer.live else 0


def bits(numbers: set[int], size: int) -> Array:
    """A bitmap of 64-bit words."""
    result = np.zeros(size // 64, "<u8")
    for number in numbers:
        result[number // 64] |= np.uint64(1 << number % 64)
    return result


def _place_generation(balancer: Balancer, kernel: Kernel, generation: Any, half: int) -> None:
    generation["seed"] = balancer.seed
    generation["flow_lifetime_ns"] = int(balancer.lifetime * 1e9)
    generation["vlans"] = bits(balancer.vlans | {0}, 4096)
    generation["flags"] = 0
    for version in (4, 6):
        services = [service for service in balancer.services if family(service) == version]
        index = generation[f"index{version}"]
        index["salt"], index["buckets"] = balancer.salt, kernel.buckets if services else 0
        index["size"] = kernel.positions if services else 0
        index["displacements_line"] = (half * 2 + (version == 6)) * kernel.index_lines
        index["services_base"] = half * kernel.positions
        generation[f"vips{version}"] = bits({vip_bit(service.packed) for service in services}, 8192)
        if any(service.port == 0 for service in services):
            generation["flags"] |= ANY_PORT[version]


def _place_index(
    balancer: Balancer, version: int, kernel: Kernel, half: int, lines: list[tuple[int, int]]
) -> None:
    arrays, size, begins = kernel.arrays, kernel.positions, bases(balancer)
    keys = index_keys(balancer, version)
    words = {key_word(*key): key for key in keys}
    displacements, positions = find_displacements(list(words), balancer.salt, kernel.buckets, size)
    records = arrays[f"services{version}"][half * size : (half + 1) * size]
    records[:] = np.zeros((), records.dtype)
    for word, key in words.items():
        record, number = records[positions[word]], keys[key]
        _fill_key(record["key"], key)
        if number is None:
            record["service"]["flags"] = VIP | (0 if key[0] in balancer._down else UP)
        else:
            record["service"]["id"], record["service"]["reals_base"] = number, begins[number]
            _fill_service(record["service"], balancer.services[number], *lines[number])
    begin = (half * 2 + (version == 6)) * kernel.buckets
    arrays["displacements"][begin : begin + kernel.buckets] = displacements


def _fill_key(record: Any, key: Key) -> None:
    address, port, protocol = key
    if len(address) == 4:
        record["addr_be"] = int.from_bytes(address, "big")
    else:
        record["addr"] = np.frombuffer(address, "u1")
    record["port_be"], record["protocol"] = port, protocol


def _fill_service(record: Any, service: Service, first_line: int, line: int) -> None:
    flags = TRACK[service.track] | (STICKY if service.sticky else 0)
    record["flags"] = flags | (LEASTCONN | FULL if service.leastconn else 0)
    record["slots_line"], record["table_size"] = line, len(service.table)
    if service.first:
        record["first_line"], record["first_size"] = first_line, len(service.first.table)
        record["first_seed"] = service.first.seed
        record["first_flags"] = STICKY if service.first.sticky else 0


def _place_tables(balancer: Balancer, slots: Array) -> list[tuple[int, int]]:
    """Where each service's first table and table begin, in lines."""
    line, result = 0, []
    for service in balancer.services:
        first, line = line, _place_table(slots, line, service.first)
        result.append((first, line))
        line = _place_table(slots, line, service)
    return result


def _place_table(slots: Array, line: int, owner: Service | First | None) -> int:
    if owner is None:
        return line
    states = owner.slots if isinstance(owner, Service) else [0] * len(owner.table)
    at = line * SLOTS_PER_LINE
    words = np.array(owner.table, "<u2") | np.array(states, "<u2") << np.uint16(14)
    slots[at : at + len(words)] = words
    return line + -(-len(words) // SLOTS_PER_LINE)


def _place_reals(service: Service, number: int, begin: int, arrays: dict[str, Array]) -> None:
    """Its block, and its list of accepting reals, for which LIST_LINES are enough."""
    for index, real in enumerate(service.reals, begin):
        record = arrays["reals"][index]
        record["id"], record["link"] = real.id, link_word(real)
        record["state"] = real.state | (CONSULT if real.consult else 0)
        record["service"], record["ifindex"], record["load"] = number, real.ifindex, real.load
        if real.tunnel:
            _place_tunnel(record, real, real.tunnel, arrays["tunnel_sources"])
    published = service.published()
    line = number * LIST_LINES
    at = line * SLOTS_PER_LINE
    arrays["accepting"][at : at + len(published)] = published
    arrays["service_states"]["accepting"][number] = line << 16 | len(published)


def _place_tunnel(record: Any, real: Real, tunnel: Tunnel, sources: Array) -> None:
    """Sources from 1 on, each once."""
    source, to = (_mapped(text) for text in (tunnel.source, real.address))
    record["addr"] = np.frombuffer(to, "u1")
    known = [bytes(entry["addr"]) for entry in sources]
    index = known.index(source) if source in known else known.index(bytes(16), 1)
    sources[index]["addr"] = np.frombuffer(source, "u1")
    record["tunnel"] = tunnel_word(tunnel, real, index)


def _mapped(text: str) -> bytes:
    packed = ipaddress.ip_address(text).packed
    return packed if len(packed) == 16 else V4_MAPPED + packed


def _place_blocks(balancer: Balancer, kernel: Kernel) -> None:
    """Tries, bits and switches; what was there before goes."""
    control, switches = kernel.arrays["control"][0], 0
    words = kernel.arrays["blocked4_bits"]
    if not int(control["switches"]) & (BLOCK[4] | BLOCK[6]) and not balancer.blocked:
        return
    words[:] = 0
    for version, width in ((4, 4), (6, 16)):
        _clear_trie(kernel, f"blocked{version}", 4 + width)
    for network in balancer.blocked:
        version, packed = network.version, network.network_address.packed
        key = struct.pack("<I", network.prefixlen) + packed
        kernel.maps[f"blocked{version}"].update(key, struct.pack("<Q", 1))
        switches |= BLOCK[version]
        if version == 4:
            low, high = int(network.network_address) >> 12, int(network.broadcast_address) >> 12
            touched = {low} if low == high else set(range(low, high + 1))
            words |= bits(touched, 1 << 20)
    control["switches"] = switches


def _place_own(balancer: Balancer, control: Any) -> None:
    """After _place_blocks, which has set the switches; the first pair lies first."""
    switches = int(control["switches"]) & (BLOCK[4] | BLOCK[6])
    if balancer.own:
        switches |= OWN
        switches |= OWN_BY_INTERFACE if balancer.own[0][0] else 0
        switches |= OWN_MANY if len(balancer.own) > OWN_NEAR else 0
    words = [int.from_bytes(struct.pack("<H", port & 0xFFFF) + mac, "little") for port, mac in balancer.own]
    control["own"] = words + [NO_MAC] * (OWN_MACS - len(words))
    control["switches"] = switches


def _clear_trie(kernel: Kernel, name: str, size: int) -> None:
    keys, _values = kernel.maps[name].read_hash(np.dtype((np.void, size)), np.dtype("<u8"))
    for key in keys:
        kernel.maps[name].delete_hash(np.array([key]))
