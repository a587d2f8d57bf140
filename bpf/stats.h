/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting. All counters are per CPU: no packet waits for another's, user space adds them up.
 */
#ifndef VC5_STATS_H
#define VC5_STATS_H

#include "maps.h"

/* What a step answers when it has no objection. */
#define GO_ON REASONS

/* Counts the reason and gives its verdict. */
static __always_inline int leave(enum reason reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&reasons, &key);

	if (count)
		++*count;
	return reason < DROP_BLOCKED ? XDP_PASS : XDP_DROP;
}

/* The fast path's only write. `bytes`: of the frame as received. */
static __always_inline void count_forwarded(__u32 real_index, __u32 bytes, bool new_flow)
{
	struct real_counters *counters = bpf_map_lookup_elem(&real_counters, &real_index);

	if (!counters)
		return;
	counters->packets++;
	counters->bytes += bytes;
	counters->flows += new_flow;
}

#endif
