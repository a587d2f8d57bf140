/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow tables: which of the six it is, and what a CPU may store in a second. No rule is here.
 */
#ifndef VC5_FLOWS_H
#define VC5_FLOWS_H

#include "budget.h"
#include "select.h"
#include "stats.h"

/* Also the places in struct budget, and what trace notes name a table by. */
enum flow_table {
	FLOWS_TCP = 0,
	FLOWS_SYN = 1,
	FLOWS_UDP = 2,
};

/* A packet's flow as tracking and closer.h see it. No pointers: it is handed to global functions, which the verifier
 * looks at once and by themselves. */
struct question {
	__u64 hash;
	__u64 lifetime_ns; /* of a flow's entry */
	__u32 inserts;     /* at most so many in this second; 0: no limit */
	__u16 slot;
	bool ipv6;
	bool tcp; /* else UDP */
	bool syn;
	bool reading; /* nothing may be written: not the flow's own packet, but an ICMP error about it */
	bool stored;  /* answer: an entry was written */
	/* The rest is closer.h's. */
	bool fin;
	bool first;         /* the first fragment of several */
	__u8 protocol;      /* of IPv4: whose fragment it is … */
	__be32 fragment_be; /* … by its id */
	__u32 index;        /* answer: the real's */
	__u64 source;       /* source_of the packet */
	union {
		struct flow_key4 key4;
		struct flow_key6 key6;
		__u64 words[5];
	};
};

/* The flow of a packet that is TCP or UDP, as its key. */
static __always_inline void set_key(struct question *q, const struct packet *packet)
{
	if (packet->ipv6) {
		const __u64 *addresses = words(&ip6(packet)->saddr);

		q->words[0] = addresses[0];
		q->words[1] = addresses[1];
		q->words[2] = addresses[2];
		q->words[3] = addresses[3];
		q->words[4] = packet->ports_be;
	} else {
		q->words[0] = addresses4(packet->ip);
		q->words[1] = packet->ports_be;
	}
}

static __always_inline void fill_question(struct question *q, const struct packet *packet)
{
	q->ipv6 = packet->ipv6;
	q->tcp = packet->protocol == IPPROTO_TCP;
	q->syn = packet->syn;
	q->fin = packet->fin;
	q->first = packet->fragmented;
	q->protocol = packet->protocol;
	q->fragment_be = packet->fragment_be;
	q->source = source_of(packet);
	set_key(q, packet);
}

/* The key's ports and the protocol, as hashed. */
static __always_inline __u64 key_ports(const struct question *q)
{
	__u32 ports_be = q->words[q->ipv6 ? 4 : 1];

	return ports_be | (__u64)(q->tcp ? IPPROTO_TCP : IPPROTO_UDP) << 32;
}

static __always_inline __u64 key_hash(const struct question *q, __u64 seed, __u32 flags)
{
	__u64 ports = flags & SERVICE_STICKY ? 0 : key_ports(q);

	return q->ipv6 ? flow_hash6(q->words, q->words + 2, ports, seed)
		       : flow_hash4(q->words[0], ports, seed);
}

static __always_inline struct flow *look_up(const struct question *q, enum flow_table table)
{
	switch (table) {
	case FLOWS_TCP:
		if (q->ipv6)
			return bpf_map_lookup_elem(&flows6_tcp, &q->key6);
		return bpf_map_lookup_elem(&flows4_tcp, &q->key4);
	case FLOWS_SYN:
		if (q->ipv6)
			return bpf_map_lookup_elem(&flows6_syn, &q->key6);
		return bpf_map_lookup_elem(&flows4_syn, &q->key4);
	default:
		if (q->ipv6)
			return bpf_map_lookup_elem(&flows6_udp, &q->key6);
		return bpf_map_lookup_elem(&flows4_udp, &q->key4);
	}
}

static __always_inline void *map_of(const struct question *q, enum flow_table table)
{
	switch (table) {
	case FLOWS_TCP: return q->ipv6 ? (void *)&flows6_tcp : (void *)&flows4_tcp;
	case FLOWS_SYN: return q->ipv6 ? (void *)&flows6_syn : (void *)&flows4_syn;
	default: return q->ipv6 ? (void *)&flows6_udp : (void *)&flows4_udp;
	}
}

static __always_inline void put(const struct question *q, enum flow_table table, const struct flow *flow)
{
	bpf_map_update_elem(map_of(q, table), &q->key4, flow, BPF_ANY);
}

static __always_inline void take_out(const struct question *q, enum flow_table table)
{
	bpf_map_delete_elem(map_of(q, table), &q->key4);
}

/* May this CPU store one more in this second? Counts it as stored, or for the reason. */
static __always_inline bool may_store(const struct question *q, enum flow_table table, __u64 now)
{
	struct budget *budget;

	if (!q->inserts)
		return true;
	budget = budget_of(now);
	barrier_var(table); /* else the verifier does not see this bound of it */
	if (budget && table <= FLOWS_UDP && budget->inserts[table] < q->inserts) {
		budget->inserts[table]++;
		return true;
	}
	note(tracing, TRACE_NOT_STORED, table);
	count(NOTE_NOT_STORED);
	return false;
}

#endif
