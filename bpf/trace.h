/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling what becomes of packets. Only a program that is loaded with `tracing` set has any of this: in the
 * other one the verifier removes it, and no instruction of the fast path is spent on it.
 */
#ifndef VC5_TRACE_H
#define VC5_TRACE_H

#include "budget.h"
#include "parse.h"

/* In a section of its own, so that user space sets it without knowing what else is constant. */
const volatile bool tracing SEC(".rodata.tracing") = false;

static __always_inline struct trace_event *trace_event(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&trace_scratch, &zero);
}

static __noinline void write_note(enum trace_step step, __u64 value)
{
	struct trace_event *event = trace_event();

	if (!event || event->notes >= TRACE_NOTES)
		return;
	event->note[event->notes].step = step;
	event->note[event->notes].value = value;
	event->notes++;
}

static __always_inline void note(bool traced, enum trace_step step, __u64 value)
{
	if (traced)
		write_note(step, value);
}

/* Words as on the wire; IPv4's address, the upper half is 0, becomes ::ffff:a.b.c.d. */
static __always_inline void write_address(__u8 *to, bool ipv6, const __u64 *words)
{
	*(__u64 *)to = ipv6 ? words[0] : 0;
	*(__u64 *)(to + 8) = ipv6 ? words[1] : bpf_cpu_to_be64(0xffff00000000) | words[0] << 32;
}

static __always_inline void write_flow(bool ipv6, const __u64 *saddr, const __u64 *daddr, __u32 ports_be,
				       __u8 protocol)
{
	struct trace_event *event = trace_event();

	if (!event)
		return;
	write_address(event->saddr, ipv6, saddr);
	write_address(event->daddr, ipv6, daddr);
	*(__u32 *)&event->sport_be = ports_be;
	event->protocol = protocol;
}

static __always_inline void note_flow(const struct packet *packet)
{
	__u64 saddr, daddr;

	if (!packet->traced)
		return;
	if (packet->ipv6) {
		write_flow(true, words(&ip6(packet)->saddr), words(&ip6(packet)->daddr), packet->ports_be,
			   packet->protocol);
	} else {
		saddr = ip4(packet)->saddr;
		daddr = ip4(packet)->daddr;
		write_flow(false, &saddr, &daddr, packet->ports_be, packet->protocol);
	}
}

/* Bytes from the frame's begin; how many. */
static __always_inline __u32 take_snap(struct xdp_md *ctx, __u8 *bytes, __u32 length)
{
	__u32 snap = length < TRACE_SNAP ? length : TRACE_SNAP;

	if (!snap)
		return 0;
	snap = ((snap - 1) & (TRACE_SNAP - 1)) + 1; /* as it is; but so the verifier sees the bounds */
	return bpf_xdp_load_bytes(ctx, 0, bytes, snap) ? 0 : snap;
}

static __noinline void write_forwarded(void)
{
	struct trace_event *event = trace_event();

	if (event)
		event->forwarded = 1;
}

static __noinline int begin_trace(struct xdp_md *ctx)
{
	struct trace_event *event = trace_event();

	if (!event)
		return 0;
	__builtin_memset(event, 0, offsetof(struct trace_event, note));
	event->time_ns = bpf_ktime_get_ns();
	event->cpu = bpf_get_smp_processor_id();
	event->ifindex = ctx->ingress_ifindex;
	event->length_before = ctx->data_end - ctx->data;
	event->snap_before = take_snap(ctx, event->before, event->length_before);
	return 0;
}

static __always_inline bool is_address_wanted(const __u8 *address, const __u8 *wanted, const __u8 *mask)
{
	const __u64 *a = (const __u64 *)address, *w = (const __u64 *)wanted, *m = (const __u64 *)mask;

	return !((a[0] ^ w[0]) & m[0]) && !((a[1] ^ w[1]) & m[1]);
}

static __always_inline bool is_wanted(const struct trace_event *event, const struct trace_filter *filter)
{
	return filter->active && (!filter->verdicts || filter->verdicts & 1 << (event->verdict & 7)) &&
	       is_address_wanted(event->saddr, filter->saddr, filter->saddr_mask) &&
	       is_address_wanted(event->daddr, filter->daddr, filter->daddr_mask) &&
	       (!filter->sport_be || filter->sport_be == event->sport_be) &&
	       (!filter->dport_be || filter->dport_be == event->dport_be) &&
	       (!filter->protocol || filter->protocol == event->protocol);
}

/* Counts the packet for a filter that it matches, as far as that may be told of in this second. */
static __always_inline bool may_tell(const struct trace_filter *filter, struct trace_count *count, __u64 now)
{
	if (count->second != now >> SECOND_SHIFT) {
		count->second = now >> SECOND_SHIFT;
		count->told = 0;
	}
	count->matched++;
	if (filter->limit && count->told >= filter->limit) {
		count->limited++;
		return false;
	}
	count->told++;
	return true;
}

/* A bit for each filter that is to be told. */
static __noinline int wanted_by(void)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct trace_event *event = trace_event();
	int filters = 0;

	if (!event)
		return 0;
	for (__u32 i = 0; i < TRACERS; i++) {
		__u32 at = i;
		struct trace_filter *filter = bpf_map_lookup_elem(&trace_filters, &at);
		struct trace_count *count = bpf_map_lookup_elem(&trace_counts, &at);

		if (filter && count && is_wanted(event, filter) && may_tell(filter, count, now))
			filters |= 1 << i;
	}
	return filters;
}

static __noinline void count_lost(int filters)
{
	for (__u32 i = 0; i < TRACERS; i++) {
		__u32 at = i;
		struct trace_count *count = bpf_map_lookup_elem(&trace_counts, &at);

		if (count && filters & 1 << i)
			count->lost++;
	}
}

static __noinline int end_trace(struct xdp_md *ctx, int verdict)
{
	struct trace_event *event = trace_event();
	int filters;

	if (!event)
		return 0;
	event->verdict = verdict;
	filters = wanted_by();
	if (!filters)
		return 0;
	event->filters = filters;
	event->length_after = ctx->data_end - ctx->data;
	event->snap_after = take_snap(ctx, event->after, event->length_after);
	if (bpf_ringbuf_output(&trace_events, event, sizeof(*event), 0))
		count_lost(filters);
	return 0;
}

#endif
