/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting. All counters but those of prefixes are per CPU: no packet waits for another's, user space adds
 * them up.
 */
#ifndef VC5_STATS_H
#define VC5_STATS_H

#include "hash.h"
#include "trace.h"

#define PREFIX_SAMPLE 64 /* one packet of so many of a real and CPU counts for its source's prefix */
#define PREFIX4_SHIFT 12 /* /20 */
#define PREFIX6_SHIFT 16 /* /48, of an address's upper half */
#define TIMED_JIFFIES 1024

static __always_inline void count(enum reason reason)
{
	__u32 key = reason;
	__u64 *packets = bpf_map_lookup_elem(&reasons, &key);

	if (packets)
		++*packets;
}

/* Counts the reason and gives its verdict. */
static __always_inline int leave(bool traced, enum reason reason)
{
	note(traced, TRACE_REASON, reason);
	count(reason);
	if (reason == ANSWER_ECHO || reason == ANSWER_TOO_BIG)
		return XDP_TX;
	return reason < DROP_BLOCKED ? XDP_PASS : XDP_DROP;
}

__noinline int count_prefix4(__be32 saddr_be)
{
	__u32 prefix = bpf_ntohl(saddr_be) >> PREFIX4_SHIFT;
	__u64 *packets = bpf_map_lookup_elem(&prefixes4, &prefix);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return 0;
}

__noinline int count_prefix6(__u64 upper_half)
{
	__u64 prefix = bpf_be64_to_cpu(upper_half) >> PREFIX6_SHIFT, one = 1;
	__u64 *packets = bpf_map_lookup_elem(&prefixes6, &prefix);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	else
		bpf_map_update_elem(&prefixes6, &prefix, &one, BPF_ANY);
	return 0;
}

/* What a packet's prefix is told by, as on the wire: IPv4's source address, or the upper half of IPv6's. */
static __always_inline __u64 source_of(const struct packet *packet)
{
	return packet->ipv6 ? *words(&ip6(packet)->saddr) : ip4(packet)->saddr;
}

/* The fast path's only write. */
static __always_inline void count_forwarded(const struct packet *packet, __u32 index, __u64 source,
					    bool new_flow)
{
	struct real_counters *counters = bpf_map_lookup_elem(&real_counters, &index);

	if (!counters)
		return;
	counters->packets++;
	counters->bytes += packet->bytes;
	counters->flows += new_flow;
	if (counters->packets % PREFIX_SAMPLE)
		return;
	if (packet->ipv6)
		count_prefix6(source);
	else
		count_prefix4(source);
}

/* Is the flow one of those by which sessions are estimated? */
static __always_inline bool is_sampled(const struct control *control, __u64 hash)
{
	return !((__u32)hash & control->session_mask);
}

/* A packet of a sampled flow, but for TCP's first. Its last one ends the session, which stays so for a second: a
 * client that closes first sends one more ACK. */
__noinline int note_session(__u64 key, __u32 index, __u32 real_id, bool last)
{
	struct session *known = bpf_map_lookup_elem(&sessions, &key);
	struct session now = {
		.last_ns = bpf_ktime_get_coarse_ns(), .real = index, .real_id = last ? 0 : real_id};
	/* Another CPU may have written it since this one read its clock. */
	bool recent = known && (__s64)(now.last_ns - known->last_ns) < 1LL << SECOND_SHIFT;

	if (!known) {
		if (!last)
			bpf_map_update_elem(&sessions, &key, &now, BPF_ANY);
	} else if (last || (known->real_id ? !recent || known->real != index || known->real_id != real_id
					   : !recent)) {
		known->last_ns = now.last_ns;
		known->real = now.real;
		known->real_id = now.real_id;
	}
	return 0;
}

/* Is this jiffy one whose packets are timed? Asking costs a load. */
static __always_inline bool is_timed(void)
{
	return !(bpf_jiffies64() % TIMED_JIFFIES);
}

__noinline int count_time(__u64 ns)
{
	__u32 zero = 0;
	struct timing *timing = bpf_map_lookup_elem(&timings, &zero);

	if (timing) {
		timing->packets++;
		timing->ns += ns;
	}
	return 0;
}

#endif
