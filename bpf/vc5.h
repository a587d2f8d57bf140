/* SPDX-License-Identifier: Apache-2.0
 *
 * Types shared by the XDP program and user space.
 *
 * User space never copies these by hand: `make generate` reads them back from the object's BTF into
 * runtime/vc5d/layout.py. Constants are enums (a #define leaves no trace in BTF). Padding is explicit,
 * and every struct that lives in an array is a whole number of cache lines, so that one packet touches
 * one line per lookup.
 *
 * Byte order: a field ending in _be holds network order; all others hold host order.
 */
#ifndef VC5_H
#define VC5_H

#include <linux/types.h>

/* Bumped whenever a struct or the meaning of a field changes; kept in `control` so that a new vc5d
 * knows whether it may adopt the maps that it finds pinned. */
enum vc5_layout {
	VC5_LAYOUT_VERSION = 1,
};

/* A slot is 16 bits: the index of its owner in the service's block of reals, and its state. */
enum slot_bits {
	SLOT_REAL_BITS = 14,
	SLOT_REAL_MASK = 0x3fff,
	SLOT_STATE_SHIFT = 14,
	SLOTS_PER_LINE = 32,
};

enum slot_state {
	SLOT_CLEAR = 0,      /* every flow of the slot belongs to its owner */
	SLOT_TRANSITION = 1, /* the owner changed at a flip less than one flow lifetime ago */
	SLOT_CONSULT = 2,    /* the transition is over; flows not at the owner are in the flow table */
};

enum real_state {
	REAL_ABSENT = 0,    /* no real has this index */
	REAL_ACCEPTING = 1, /* takes new flows */
	REAL_DRAINING = 2,  /* keeps its flows, takes no new ones */
	REAL_DOWN = 3,      /* fails its checks: keeps nothing */
	REAL_STATE_MASK = 3,
	REAL_CONSULT = 4, /* a bit: some flow of the slots it owns may be elsewhere; ask the flow table */
};

enum service_flags {
	SERVICE_VIP = 1,           /* not a service: the bare address of a VIP (port 0, protocol 0) */
	SERVICE_TRACK_FULL = 2,    /* every flow is stored at its first packet */
	SERVICE_TRACK_MINIMAL = 4, /* no flow is stored: every packet is chosen for as if it were the first */
};

/* Why a packet was not forwarded. PASS: to the host's own stack; DROP: discarded. */
enum reason {
	PASS_NOT_IP = 0,   /* ARP, LLDP, unknown tags, QinQ, a header too short to name a destination */
	PASS_NOT_UNICAST,  /* to a group or broadcast MAC: not for this host alone */
	PASS_NOT_VIP,      /* the destination is no VIP of the document */
	PASS_NO_DOCUMENT,  /* no generation is live yet */
	PASS_AT_REAL,      /* to its real's own MAC: a switch floods it by, or this host is the real */
	DROP_MALFORMED,    /* to a VIP, but truncated or with lengths that contradict each other */
	DROP_FRAGMENT,     /* a fragment to a VIP */
	DROP_UNKNOWN_PORT, /* to a VIP, but to no service of it: passing it on risks a routing loop */
	DROP_PROTOCOL,     /* to a VIP, but neither TCP nor UDP */
	DROP_NO_REAL,      /* no real of the service accepts */
	DROP_NO_NEIGHBOR,  /* the real's MAC is not known yet */
	DROP_REWRITE,      /* the kernel refused to make or take away room for a tag */
	DROP_INTERNAL,     /* the maps contradict each other: a defect, never expected */
	REASONS,
};

/* The key of a service as the perfect hash sees it, read as one little-endian 64-bit word. */
struct service_key4 {
	__be32 addr_be;
	__be16 port_be; /* 0 in the bare VIP's entry and in any-port services */
	__u8 protocol;  /* IPPROTO_TCP, IPPROTO_UDP; 0 in the bare VIP's entry */
	__u8 pad;
};

/* What every packet of a service needs. Written only into the idle half of `services4`. */
struct service {
	__u32 id;         /* number of the service: index into `service_states`; stable across generations */
	__u32 flags;      /* enum service_flags */
	__u32 slots_line; /* first line of the service's table in `slots` */
	__u32 table_size; /* slots in the table: a prime */
	__u32 reals_base; /* first index of the service's block in `reals` */
	__u32 first_line; /* the table from the start of the transition: first line in `slots` … */
	__u32 first_size; /* … slots in it; 0: there is no such table … */
	__u32 pad;
	__u64 first_seed; /* … and the seed of the flow hash that it is read with */
};

struct service4 {
	struct service_key4 key; /* all zero: an empty position */
	__u64 pad[2];            /* an IPv6 key is 16 bytes longer: one offset of `service` in both */
	struct service service;
};

/* A real server of one service. Its index is not reused while a slot or a first table refers to it.
 * `link` and `state` are written while packets read them, each by a single aligned store. */
struct real {
	__u64 link; /* bytes 0-5: MAC; bytes 6-7: VLAN id in network order, 0 untagged. 0: not known */
	__u32 id;   /* stable id of (service, address), the same on every load balancer */
	__u8 state; /* enum real_state */
	__u8 pad1[3];
	__u32 service; /* struct service's id */
	__u32 ifindex; /* where to send; 0: back out of the interface that the packet came in by */
	__u8 addr[16]; /* the real's address; IPv4 in the last 4 bytes (RFC 4291, section 2.5.5.2) */
	__u64 pad2[3];
};

/* Follows health, so it lives outside generations. */
struct service_state {
	__u64 accepting; /* published list of accepting reals: first line in `accepting` << 16 | count */
};

struct slots_line {
	__u16 slot[SLOTS_PER_LINE];
};

struct flow_key4 {
	__be32 saddr_be;
	__be32 daddr_be;
	__be16 sport_be;
	__be16 dport_be;
};

struct flow {
	__u64 last_ns; /* CLOCK_MONOTONIC_COARSE, of the last packet */
	__u32 hash;    /* the upper half of the flow hash: finds the flow's slot again */
	__u32 real_id; /* of the real that has the flow; 0 is no real's id */
	__u32 real;    /* its index in the service's block when the entry was written */
	__u32 pad;
};

struct real_counters {
	__u64 packets;
	__u64 bytes; /* of the frame as received */
	__u64 flows; /* TCP: packets with SYN and without ACK; UDP: flows stored */
};

/* One document as it lies in the maps. */
struct generation {
	__u64 seed;                /* of the flow hash */
	__u64 flow_lifetime_ns;    /* an entry idle for longer counts as absent */
	__u64 index4_salt;         /* of the perfect hash */
	__u32 index4_buckets;      /* a power of two */
	__u32 index4_size;         /* a power of two; 0: the document has no IPv4 service */
	__u32 displacements4_line; /* first line in `displacements4` */
	__u32 services4_base;      /* first index in `services4` */
	__u64 pad[7];
	__u8 digest[32]; /* SHA-256 of the document */
};

struct control {
	__u32 layout; /* VC5_LAYOUT_VERSION of whoever filled the maps */
	__u32 live; /* 0: none; 1 or 2: generation[live - 1]. Read once a packet, written last in an apply */
	__u64 pad[7];
	struct generation generation[2];
};

#endif
