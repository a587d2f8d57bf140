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

/* The key of either family, and its words: IPv4's addresses and ports, IPv6's addresses and ports. */
union flow_key {
	struct flow_key4 key4;
	struct flow_key6 key6;
	__u64 words[5];
};

/* A packet's flow as tracking and closer.h see it. No pointers: it is handed to global functions, which the verifier
 * looks at once and by themselves. */
struct question {
	__u64 hash;
	__u64 lifetime_ns; /* of a flow's entry */
	__u32 inserts;     /* at most so many in this second; 0: no limit */
	__u32 tells;       /* at most so many are told of in this second; 0: none */
	__u16 slot;
	bool ipv6;
	bool tcp; /* else UDP */
	bool syn;
	bool stored; /* answer: an entry was written */
	/* In one byte, so that the whole is 88: with 96, calls at their deepest take more stack than Linux 6.1 has,
	 * which rounds each function's up to 32. */
	bool reading : 1; /* nothing may be written: not the flow's own packet, but an ICMP error about it */
	/* The rest is closer.h's. */
	bool last : 1;      /* of TCP, by FIN or RST */
	bool first : 1;     /* the first fragment of several */
	__u8 protocol;      /* of IPv4: whose fragment it is … */
	__be32 fragment_be; /* … by its id */
	__u32 index;        /* answer: the real's */
	__u64 source;       /* source_of the packet */
	union flow_key key;
};

/* The packet's addresses, and the ports as far as they were read. */
static __always_inline void fill_key(struct question *q, const struct packet *packet)
{
	q->ipv6 = packet->ipv6;
	if (packet->ipv6) {
		const __u64 *addresses = words(&ip6(packet)->saddr);

		q->key.words[0] = addresses[0];
		q->key.words[1] = addresses[1];
		q->key.words[2] = addresses[2];
		q->key.words[3] = addresses[3];
		q->key.words[4] = packet->ports_be;
	} else {
		q->key.words[0] = addresses4(packet->ip);
		q->key.words[1] = packet->ports_be;
	}
}

/* The key's ports and the protocol, as hashed. */
static __always_inline __u64 key_ports(const struct question *q)
{
	__u32 ports_be = q->key.words[q->ipv6 ? 4 : 1];

	return ports_be | (__u64)(q->tcp ? IPPROTO_TCP : IPPROTO_UDP) << 32;
}

static __always_inline __u64 key_hash(const struct question *q, __u64 seed, __u32 flags)
{
	__u64 ports = flags & SERVICE_STICKY ? 0 : key_ports(q);

	return q->ipv6 ? flow_hash6(q->key.words, q->key.words + 2, ports, seed)
		       : flow_hash4(q->key.words[0], ports, seed);
}

/* The map of a family and table. `key` is on the caller's stack: Linux 6.1 takes no other memory for one. */
static __always_inline void *map_of(bool ipv6, enum flow_table table)
{
	switch (table) {
	case FLOWS_TCP: return ipv6 ? (void *)&flows6_tcp : (void *)&flows4_tcp;
	case FLOWS_SYN: return ipv6 ? (void *)&flows6_syn : (void *)&flows4_syn;
	default: return ipv6 ? (void *)&flows6_udp : (void *)&flows4_udp;
	}
}

/* One call for each family: a map that is known to the verifier is asked directly. */
static __always_inline struct flow *look_up(const struct question *q, const union flow_key *key,
					    enum flow_table table)
{
	if (q->ipv6)
		return bpf_map_lookup_elem(map_of(true, table), key);
	return bpf_map_lookup_elem(map_of(false, table), key);
}

static __always_inline void put(const struct question *q, const union flow_key *key, enum flow_table table,
				const struct flow *flow)
{
	bpf_map_update_elem(map_of(q->ipv6, table), key, flow, BPF_ANY);
}

static __always_inline void take_out(const struct question *q, const union flow_key *key,
				     enum flow_table table)
{
	bpf_map_delete_elem(map_of(q->ipv6, table), key);
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

/* Tells other load balancers, by way of vc5d, of a flow that was stored; real_id 0: that was deleted. */
static __always_inline void tell(const struct question *q, const union flow_key *key, __u32 real_id,
				 __u64 now)
{
	__u32 zero = 0;
	struct told_count *counted;
	struct budget *budget;
	struct told *told;

	if (!q->tells)
		return;
	counted = bpf_map_lookup_elem(&told_counts, &zero);
	budget = budget_of(now);
	if (!counted || !budget)
		return;
	if (budget->tells >= q->tells) {
		counted->limited++;
		return;
	}
	budget->tells++;
	told = bpf_ringbuf_reserve(&told_flows, sizeof(*told), 0);
	if (!told) {
		counted->full++;
		return;
	}
	counted->told++;
	__builtin_memcpy(told->key, key, sizeof(told->key));
	told->last_ns = now;
	told->real_id = real_id;
	told->udp = !q->tcp;
	told->ipv6 = q->ipv6;
	told->pad[0] = told->pad[1] = 0;
	bpf_ringbuf_submit(told, 0);
}

#endif
