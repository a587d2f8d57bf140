/* SPDX-License-Identifier: Apache-2.0
 *
 * Types shared by the XDP program and user space.
 *
 * User space never copies these by hand: `make generate` reads them back from the object's BTF into
 * runtime/vc5d/xdp/layout.py. Constants are enums (a #define leaves no trace in BTF). Padding is explicit,
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
	VC5_LAYOUT_VERSION = 4,
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

/* struct real's link word: a MAC, and above it 16 bits as in an 802.1Q tag, of which the VLAN id leaves
 * four. */
enum link_bits {
	LINK_VLAN_SHIFT = 48,
	LINK_TUNNEL_SHIFT = 52, /* a bit: the MAC is the next hop's; `tunnel` says how packets go on */
};

/* How a packet reaches a real in another network. */
enum tunnel_type {
	TUNNEL_NONE = 0,
	TUNNEL_IPIP, /* RFC 2003, 2473, 4213 */
	TUNNEL_GRE,  /* RFC 2784, 7676 */
	TUNNEL_FOU,  /* the packet in UDP as it is (Linux: fou) */
	TUNNEL_GUE,  /* draft-ietf-intarea-gue, variant 0 */
	TUNNEL_DSCP, /* no tunnel: the destination is the real's, and the DSCP says which VIP it was */
};

/* struct real's tunnel word. */
enum tunnel_bits {
	TUNNEL_TYPE_MASK = 15,      /* enum tunnel_type */
	TUNNEL_OVER_IPV6_SHIFT = 4, /* a bit: the outer header is IPv6's */
	TUNNEL_DSCP_SHIFT = 8,      /* 6 bits */
	TUNNEL_PORT_SHIFT = 16,     /* 16 bits, as on the wire: UDP's destination */
	TUNNEL_MTU_SHIFT = 32,      /* 16 bits: the longest packet that fits inside; 0: any */
	TUNNEL_SOURCE_SHIFT = 48,   /* 16 bits: index into `tunnel_sources` */
};

enum service_flags {
	SERVICE_VIP = 1,           /* not a service: the bare address of a VIP (port 0, protocol 0) */
	SERVICE_TRACK_FULL = 2,    /* every flow is stored at its first packet */
	SERVICE_TRACK_MINIMAL = 4, /* no flow is stored: every packet is chosen for as if it were the first */
	SERVICE_STICKY = 8,        /* ports and protocol are not hashed */
	SERVICE_LEASTCONN = 16,    /* of two reals the less loaded; never together with SERVICE_STICKY */
	SERVICE_UP = 32,           /* with SERVICE_VIP only: the VIP answers echo requests. Written live */
};

/* Of struct generation: what only documents that have it pay for. */
enum generation_flags {
	GENERATION_ANY_PORT4 = 1, /* some IPv4 service takes any port */
	GENERATION_ANY_PORT6 = 2,
};

/* Of struct control: written while packets read, each change by one store. */
enum switches {
	SWITCH_BLOCK4 = 1, /* `blocked4` has entries */
	SWITCH_BLOCK6 = 2,
	SWITCH_OWN = 4,              /* only frames to the MACs of `own` are handled */
	SWITCH_OWN_BY_INTERFACE = 8, /* … each by the interface that it belongs to */
	SWITCH_OWN_MANY = 16,        /* … and there are more of them than OWN_NEAR */
};

enum own_macs {
	OWN_NEAR = 4,  /* in the line that every packet reads … */
	OWN_MACS = 68, /* … and in all, to the end of a line */
	OWN_MAC_SHIFT = 16,
};

/* What became of a packet that was not forwarded. PASS: to the host's own stack; DROP: discarded. */
enum reason {
	PASS_NOT_IP = 0,         /* ARP, LLDP, QinQ, a header too short to name a destination */
	PASS_NOT_UNICAST,        /* to a group or broadcast MAC: not for this host alone */
	PASS_NOT_OURS,           /* to another host's MAC: flooded or mirrored by a switch */
	PASS_UNKNOWN_VLAN,       /* with a tag that neither the document nor the host knows */
	PASS_NOT_VIP,            /* the destination is no VIP of the document */
	PASS_NO_DOCUMENT,        /* no generation is live yet */
	PASS_AT_REAL,            /* to its real's own MAC: a switch floods it by, or this host is the real */
	PASS_NEIGHBOR_DISCOVERY, /* to a VIP, ICMPv6 of RFC 4861: the host's to answer */
	DROP_BLOCKED,            /* from a blocked source prefix */
	DROP_MALFORMED,          /* to a VIP, but truncated or with lengths that contradict each other */
	DROP_FRAGMENT,           /* to a VIP, a fragment whose first one was not seen */
	DROP_UNKNOWN_PORT,       /* to a VIP, but to no service of it: passing it on risks a routing loop */
	DROP_PROTOCOL,           /* to a VIP, but nothing that is balanced or answered */
	DROP_ICMP,          /* to a VIP, an ICMP error about no flow of its services, or another ICMP type */
	DROP_VIP_DOWN,      /* an echo request to a VIP that is not up */
	DROP_ECHO_LIMIT,    /* more echo requests than are answered in a second */
	DROP_NO_REAL,       /* no real of the service accepts */
	DROP_NO_NEIGHBOR,   /* the real's MAC is not known yet */
	DROP_TOO_BIG,       /* does not fit into its tunnel, and cannot be answered */
	DROP_TOO_BIG_LIMIT, /* … and more such than are answered in a second */
	DROP_REWRITE,       /* the kernel refused to make or take away room for a tag */
	DROP_INTERNAL,      /* the maps contradict each other: a defect, never expected */
	ANSWER_ECHO,        /* an echo request to a VIP, answered here */
	ANSWER_TOO_BIG,     /* does not fit into its tunnel: the sender was told what does */
	NOTE_NOT_STORED,    /* no verdict: a flow was not stored, since inserts are limited */
	REASONS,
};

/* The key of a service as the perfect hash sees it, read as one little-endian 64-bit word. */
struct service_key4 {
	__be32 addr_be;
	__be16 port_be; /* 0 in the bare VIP's entry and in any-port services */
	__u8 protocol;  /* IPPROTO_TCP, IPPROTO_UDP; 0 in the bare VIP's entry */
	__u8 pad;
};

struct service_key6 {
	__u8 addr[16];
	__be16 port_be;
	__u8 protocol;
	__u8 pad[5];
};

/* What every packet of a service needs. Written only into the idle half of `services4` or `services6`. */
struct service {
	__u32 id;          /* number of the service: index into `service_states`; stable across generations */
	__u32 flags;       /* enum service_flags */
	__u32 slots_line;  /* first line of the service's table in `slots` */
	__u32 table_size;  /* slots in the table: a prime */
	__u32 reals_base;  /* first index of the service's block in `reals` */
	__u32 first_line;  /* the table from the start of the transition: first line in `slots` … */
	__u32 first_size;  /* … slots in it; 0: there is no such table … */
	__u32 first_flags; /* … SERVICE_STICKY as it was then … */
	__u64 first_seed;  /* … and the seed of the flow hash that it is read with */
};

struct service4 {
	struct service_key4 key; /* all zero: an empty position */
	__u64 pad[2];            /* an IPv6 key is 16 bytes longer: one offset of `service` in both */
	struct service service;
};

struct service6 {
	struct service_key6 key;
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
	__u32 load;    /* sessions for its weight, about: what least connections compares. Written live */
	__u32 pad2;
	__u64 tunnel; /* enum tunnel_bits; only read where the link word says so. Written live */
	__u64 pad3;
};

/* An address of this host that tunnels begin at. An entry that a real's tunnel word refers to does not change. */
struct tunnel_source {
	__u8 addr[16]; /* as struct real's */
};

/* A way that health checks take through a tunnel: as struct real has it, for one that is checked. */
struct check_way {
	__u64 link; /* the next hop's MAC, as struct real's; untagged: the kernel's own interface is sent by. 0: none */
	__u64 tunnel; /* as struct real's; of the source only `source` counts */
	__u64 own;    /* that interface's MAC, in the lower 48 bits */
	__u32 ifindex;
	__u32 pad;
	__u8 addr[16];   /* the real's … */
	__u8 source[16]; /* … and this host's address */
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

struct flow_key6 {
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport_be;
	__be16 dport_be;
};

struct flow {
	__u64 last_ns; /* CLOCK_MONOTONIC_COARSE, of the last packet */
	__u32 hash;    /* the upper half of the flow hash: finds the flow's slot again */
	__u32 real_id; /* of the real that has the flow; 0 is no real's id */
	__u32 real;    /* its index in the service's block when the entry was written */
	__u32 peer; /* 1: another load balancer told of it, and no packet of the flow has come here since */
};

struct real_counters {
	__u64 packets;
	__u64 bytes; /* of the frame as received */
	__u64 flows; /* TCP: packets with SYN and without ACK; UDP: flows stored */
};

/* Which real took a datagram's first fragment: its others have no ports. */
struct fragment_key4 {
	__be32 saddr_be;
	__be32 daddr_be;
	__be16 id_be;
	__u8 protocol;
	__u8 pad;
};

struct fragment_key6 {
	__u8 saddr[16];
	__u8 daddr[16];
	__be32 id_be;
};

struct fragment {
	__u64 first_ns; /* CLOCK_MONOTONIC_COARSE, of the first fragment */
	__u32 real;     /* index into `reals` … */
	__u32 real_id;  /* … and its id, since an index is used again */
};

/* One of the flows that are sampled for the estimate of current sessions, by its flow hash. */
struct session {
	__u64 last_ns; /* CLOCK_MONOTONIC_COARSE, of the last packet, good to a second */
	__u32 real;    /* index into `reals` … */
	__u32 real_id; /* … and its id */
};

/* What one CPU may still do in this second (2^30 ns of CLOCK_MONOTONIC_COARSE). */
struct budget {
	__u64 second;
	__u32 inserts[3]; /* spent: into flows_tcp, flows_syn, flows_udp */
	__u32 echoes;     /* spent */
	__u32 too_bigs;   /* spent */
	__u32 tells;      /* spent */
};

/* Time spent in the program, of the packets of the jiffies that are sampled. */
struct timing {
	__u64 packets;
	__u64 ns;
};

/* A source prefix, as an LPM trie wants it. */
struct prefix4 {
	__u32 length;
	__be32 addr_be;
};

struct prefix6 {
	__u32 length;
	__u8 addr[16];
};

/* A perfect hash (docs/document.md). */
struct index {
	__u64 salt;
	__u32 buckets;            /* a power of two */
	__u32 size;               /* a power of two; 0: the document has no service of the family */
	__u32 displacements_line; /* first line in `displacements` */
	__u32 services_base;      /* first index in `services4` or `services6` */
};

enum filter {
	FILTER_BITS = 8192,
	FILTER_SHIFT = 51, /* of a 64-bit product: its upper 13 bits */
	VLAN_IDS = 4096,
	WORD_BITS = 64,
};

enum tunnel_limits {
	TUNNEL_SOURCES = 256, /* entries of `tunnel_sources`; index 0 is none */
};

/* One document as it lies in the maps. The first line is all that an IPv4 packet needs of it, beside the
 * bits. A filter has a bit set for each VIP (hash.h: vip_bit4, vip_bit6): most traffic that is not for a VIP
 * is passed without a look into the index. */
struct generation {
	__u64 seed;             /* of the flow hash */
	__u64 flow_lifetime_ns; /* an entry idle for longer counts as absent */
	struct index index4;
	__u32 flags; /* enum generation_flags */
	__u32 pad1;
	__u64 pad2[2];
	struct index index6;
	__u8 digest[32]; /* SHA-256 of the document */
	__u64 pad3;
	__u64 vlans[VLAN_IDS / WORD_BITS]; /* a bit for each VLAN id that is known; id 0 always is */
	__u64 vips4[FILTER_BITS / WORD_BITS];
	__u64 vips6[FILTER_BITS / WORD_BITS];
};

struct control {
	__u32 layout; /* VC5_LAYOUT_VERSION of whoever filled the maps */
	__u32 live; /* 0: none; 1 or 2: generation[live - 1]. Read once a packet, written last in an apply */
	__u32 switches;     /* enum switches */
	__u32 session_mask; /* flows are sampled whose hash has none of these bits; ~0: none (but see stats.h) */
	__u32 inserts; /* at most so many flows are stored in a second, by each CPU in each flow table; 0: no limit */
	__u32 echoes;   /* at most so many echo requests are answered in a second by each CPU */
	__u32 too_bigs; /* at most so many packets that do not fit into a tunnel are answered, likewise */
	__u32 tells;    /* at most so many flows are told of, for other load balancers, likewise; 0: none */
	/* Bytes 0-1: 0, or the lower half of an interface's index; bytes 2-7: a MAC that frames for this host are sent
	 * to there, a group's where there is none. Each is written by one store. */
	__u64 own[OWN_MACS];
	struct generation generation[2];
};

enum told_limits {
	FLOW_KEY_BYTES = 40, /* of either family's flow key, filled up with zeros */
	MERGE_MOST = 4096,   /* entries at a time */
};

/* A flow that was stored, or deleted, as the record of `told` has it: for other load balancers. */
struct told {
	__u8 key[FLOW_KEY_BYTES];
	__u64 last_ns;
	__u32 real_id; /* 0: deleted, since its slot's owner has a new flow of the same addresses and ports */
	__u8 udp;
	__u8 ipv6;
	__u8 pad[2];
};

/* Of what was to be told, on one CPU. */
struct told_count {
	__u64 told;
	__u64 limited; /* more than `control.tells` */
	__u64 full;    /* nobody had read what was told before */
};

/* An entry for `merge`; its real_id is 0: delete what is older. */
struct merge_entry {
	__u8 key[FLOW_KEY_BYTES];
	struct flow flow;
};

/* What `merge` is to do with the entries of `merge_batch`, all of one table, and what it did. */
struct merge_call {
	__u32 count;
	__u32 udp;
	__u32 ipv6;
	__u32 stored;  /* not there before */
	__u32 renewed; /* there, and older */
	__u32 deleted;
	__u32 older; /* than what is there, which stays */
	__u32 pad;
};

/* Why a datagram from another load balancer is dropped: docs/sharing.md. `gate` knows the first ones. */
enum share_drop {
	SHARE_SHORT = 0,
	SHARE_STRANGER,
	SHARE_VERSION,
	SHARE_KEY,
	SHARE_OWN,
	SHARE_FLOOD,
	SHARE_KIND,
	SHARE_REPLAYED,
	SHARE_MAC,
	SHARE_LATE,
	SHARE_UNPROVEN,
	SHARE_FULL,
	SHARE_DROPS,
};

enum share_format {
	SHARE_MAGIC = 0x56433573, /* "VC5s" */
	SHARE_FORMAT = 1,         /* the version */
	SHARE_GREETING = 1,       /* a kind */
	SHARE_LEAST = 48,         /* bytes of the shortest datagram */
	SHARE_KNOWN = 20000,      /* datagrams a second of a node that is known … */
	SHARE_UNKNOWN = 1000,     /* … and of all others together */
};

/* What `gate` lets in. */
struct gate {
	__u64 node;        /* this load balancer's own */
	__be16 keys_be[2]; /* ids; twice the same if there is but one */
	__u32 pad;
	__u64 second;  /* of what follows; 2^30 ns */
	__u64 unknown; /* datagrams of unknown nodes in it */
};

/* A node that is known. */
struct gate_node {
	__u64 second;
	__u64 datagrams; /* in it */
};

/* Which packets a tracing program tells one tracer of. Addresses: 16 bytes, IPv4 mapped. A mask bit of 0: any. */
struct trace_filter {
	__u8 saddr[16];
	__u8 saddr_mask[16];
	__u8 daddr[16];
	__u8 daddr_mask[16];
	__be16 sport_be; /* 0: any */
	__be16 dport_be; /* 0: any */
	__u8 protocol;   /* 0: any */
	__u8 verdicts;   /* a bit for each enum xdp_action that is wanted; 0: any */
	__u8 active;     /* 0: nobody has this filter */
	__u8 pad;
	__u32 limit; /* events a second (2^30 ns) and CPU; 0: no limit */
	__u32 pad2;
};

/* What became of the packets that a filter matched, on one CPU. */
struct trace_count {
	__u64 second;  /* the one of `told` */
	__u64 told;    /* in this second */
	__u64 matched; /* since the filter was set … */
	__u64 limited; /* … of them not told: more than the limit … */
	__u64 lost;    /* … not told: nobody had read what was told before */
};

enum trace_limits {
	TRACE_NOTES = 24,
	TRACE_SNAP = 256, /* bytes of a frame that are told */
	TRACERS = 4,      /* filters at a time */
};

/* What the program decided, step by step; `value` is of the step. */
enum trace_step {
	TRACE_NONE = 0,
	TRACE_SERVICE,    /* found: struct service's id */
	TRACE_ANY_PORT,   /* found by its any-port entry: id */
	TRACE_ICMP_ERROR, /* the flow is that of the packet inside: its protocol */
	TRACE_FRAGMENT,   /* a later fragment: index of the real, 0: its first one was not seen */
	TRACE_HASH,       /* the flow hash */
	TRACE_SLOT,       /* index in the table << 16 | the slot */
	TRACE_OWNER,      /* index of the real << 8 | its state byte */
	TRACE_FAST,       /* the fast path answers: nothing is looked up */
	TRACE_ENTRY,      /* a living flow entry: index of the real << 8 | table (0 tcp, 1 syn, 2 udp) */
	TRACE_ENTRY_GONE, /* an entry, but of a real that is down or gone, or expired */
	TRACE_NO_ENTRY,
	TRACE_ROW,            /* the row of bpf/DESIGN.md's state table that answers */
	TRACE_PREVIOUS_OWNER, /* the answer of the transition's first table: index << 8 | state byte */
	TRACE_PROBE,          /* probe << 48 | slot's index << 24 | real's index, none accepted before */
	TRACE_LIST,           /* from the published list: index of the real */
	TRACE_LOADS,          /* least connections: load of the first << 32 | load of the second */
	TRACE_CHOSEN,         /* index of the real */
	TRACE_STORED,         /* in the flow table (0 tcp, 1 syn, 2 udp) */
	TRACE_NOT_STORED,     /* the limit was reached */
	TRACE_FORGOTTEN,      /* the old entry was deleted */
	TRACE_REAL,           /* sent to: index of the real */
	TRACE_LINK,           /* … at: the link word */
	TRACE_TUNNEL,         /* … as the tunnel word says */
	TRACE_REASON,         /* not forwarded: enum reason */
};

struct trace_note {
	__u64 step; /* enum trace_step */
	__u64 value;
};

/* One packet, as the tracing program tells of it: a record of `trace_events`. */
struct trace_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 cpu;
	__u32 ifindex;       /* came in by */
	__u32 verdict;       /* enum xdp_action */
	__u32 notes;         /* how many of `note` are used */
	__u32 length_before; /* of the whole frame */
	__u32 length_after;
	__u32 snap_before; /* bytes in `before` */
	__u32 snap_after;
	__u8 saddr[16]; /* the flow, IPv4 mapped, as far as it was read; of an ICMP error the one inside */
	__u8 daddr[16];
	__be16 sport_be;
	__be16 dport_be;
	__u8 protocol;
	__u8 forwarded; /* 0: the reason is among the notes */
	__u8 filters;   /* a bit for each filter that matched, and has not reached its limit */
	__u8 pad;
	struct trace_note note[TRACE_NOTES];
	__u8 before[TRACE_SNAP];
	__u8 after[TRACE_SNAP];
};

#endif
