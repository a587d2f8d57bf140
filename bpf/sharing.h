/* SPDX-License-Identifier: Apache-2.0
 *
 * Two programs beside the XDP program, for vc5d's process that shares flows with other load balancers
 * (docs/sharing.md): `merge` puts what they told into the flow tables, many entries a call; `gate` drops, on the
 * socket, what cannot be from one. `?`: they are loaded by that process alone.
 */
#ifndef VC5_SHARING_H
#define VC5_SHARING_H

#include "track.h"

/* One entry, into the tables of `q`. Whether an entry is there is kept in numbers: clang would join tests of pointers
 * by an OR, which the verifier refuses. */
static __always_inline void merge_one(struct question *q, struct merge_call *done,
				      const struct merge_entry *entry)
{
	__u32 here = 0, half_open = 0, newer = 0;
	struct flow flow = entry->flow;
	union flow_key key;
	struct flow *there;

	__builtin_memcpy(&key, entry->key, sizeof(key));
	there = q->tcp ? look_up(q, &key, FLOWS_TCP) : look_up(q, &key, FLOWS_UDP);
	if (there) {
		here = 1;
		newer = there->last_ns >= flow.last_ns;
		if (!newer && there->real_id == flow.real_id) { /* nothing but its time: that costs a tenth */
			there->last_ns = flow.last_ns;
			there->peer = flow.peer;
			done->renewed++;
			return;
		}
	}
	barrier_var(here);
	if (q->tcp) {
		there = look_up(q, &key, FLOWS_SYN);
		if (there) {
			half_open = 1;
			newer |= there->last_ns >= flow.last_ns;
		}
	}
	barrier_var(half_open);
	barrier_var(newer);
	if (newer) {
		done->older++;
		return;
	}
	if (half_open)
		take_out(q, &key, FLOWS_SYN);
	if (flow.real_id) {
		put(q, &key, q->tcp ? FLOWS_TCP : FLOWS_UDP, &flow);
		done->stored += !here;
		done->renewed += here;
	} else if (here) {
		take_out(q, &key, q->tcp ? FLOWS_TCP : FLOWS_UDP);
		done->deleted++;
	}
}

static long merge_next(__u32 index, struct merge_call *done)
{
	struct merge_entry *entry = bpf_map_lookup_elem(&merge_batch, &index);
	struct question q = {.ipv6 = done->ipv6, .tcp = !done->udp};

	if (!entry)
		return 1;
	merge_one(&q, done, entry);
	return 0;
}

/* The first entries of `merge_batch` into the flow tables, each if it is newer than what is there. */
SEC("?syscall")
int merge(struct merge_call *call)
{
	struct merge_call done = {.udp = call->udp, .ipv6 = call->ipv6};

	bpf_loop(call->count, merge_next, &done, 0);
	call->stored = done.stored;
	call->renewed = done.renewed;
	call->deleted = done.deleted;
	call->older = done.older;
	return 0;
}

/* The beginning of a datagram. */
struct share_header {
	__be32 magic_be;
	__u8 version;
	__u8 kind;
	__be16 key_be;
	__u64 node;
};

static __always_inline int refuse(enum share_drop why)
{
	__u32 key = why;
	__u64 *datagrams = bpf_map_lookup_elem(&gate_counts, &key);

	if (datagrams)
		++*datagrams;
	return 0;
}

/* Is there one more in this second? CPUs may count a few more at its beginning. */
static __always_inline bool within(__u64 *second, __u64 *spent, __u64 most)
{
	__u64 now = bpf_ktime_get_coarse_ns() >> SECOND_SHIFT;

	if (*second != now) {
		*second = now;
		*spent = 0;
	}
	return __sync_fetch_and_add(spent, 1) < most;
}

/* Of an UDP socket: how much of a datagram it gets. What `context` begins with is the UDP header. */
SEC("?socket")
int gate(struct __sk_buff *context)
{
	struct share_header header;
	struct gate_node *known;
	__u32 zero = 0;
	struct gate *gate;
	__u64 node;

	gate = bpf_map_lookup_elem(&gates, &zero);
	if (!gate || context->len < sizeof(struct udphdr) + SHARE_LEAST ||
	    bpf_skb_load_bytes(context, sizeof(struct udphdr), &header, sizeof(header)))
		return refuse(SHARE_SHORT);
	if (header.magic_be != bpf_htonl(SHARE_MAGIC))
		return refuse(SHARE_STRANGER);
	if (header.version != SHARE_FORMAT)
		return refuse(SHARE_VERSION);
	if (header.key_be != gate->keys_be[0] && header.key_be != gate->keys_be[1])
		return refuse(SHARE_KEY);
	if (header.node == gate->node)
		return refuse(SHARE_OWN);
	node = header.node;
	known = bpf_map_lookup_elem(&gate_nodes, &node);
	if (!known && header.kind != SHARE_GREETING)
		return refuse(SHARE_UNPROVEN);
	if (known ? !within(&known->second, &known->datagrams, SHARE_KNOWN)
		  : !within(&gate->second, &gate->unknown, SHARE_UNKNOWN))
		return refuse(SHARE_FLOOD);
	return context->len;
}

#endif
