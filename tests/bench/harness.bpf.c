// SPDX-License-Identifier: Apache-2.0
/*
 * Puts the packet back before every run and tail-calls the target: a test run's own repetitions would see
 * what the one before left. The cost of this is measured with `trivial` for a target, and subtracted.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define UNTAGGED 66 /* Ethernet 14, IPv4 20, TCP with timestamps 32 */
#define TAGGED 70
#define SOURCE_AT 26 /* of IPv4's source address in an untagged frame */
#define SPORT_AT 34

/* What to send. `flow_mask`: flows are numbered 0 … flow_mask, met at random or one after the other. */
struct plan {
	__u64 state; /* of the random numbers, or the counter */
	__u32 flow_mask;
	__u8 sequential;
	__u8 tagged;
	__u8 pad[2];
	__u8 frame[72];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* Marsaglia's xorshift64, and the counter beside it. */
static __always_inline __u32 next_flow(struct plan *plan)
{
	__u64 x = plan->state;

	if (plan->sequential) {
		plan->state = x + 1;
		return x & plan->flow_mask;
	}
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	plan->state = x;
	return (x >> 20) & plan->flow_mask;
}

static __always_inline void set_flow(void *frame, __u32 flow)
{
	*(__be32 *)(frame + SOURCE_AT) = bpf_htonl(0x0a000000 | (flow & 0xffffff));
	*(__be16 *)(frame + SPORT_AT) = bpf_htons(0x8000 | flow >> 24);
}

SEC("xdp")
int restore(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	__u32 flow;
	int excess;
	void *data, *end;

	if (!plan)
		return XDP_ABORTED;
	flow = next_flow(plan);
	excess = ctx->data_end - ctx->data - (plan->tagged ? TAGGED : UNTAGGED);
	if (excess && bpf_xdp_adjust_head(ctx, excess))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + UNTAGGED > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, plan->frame, UNTAGGED);
	if (!plan->tagged) {
		set_flow(data, flow);
	} else {
		if (data + TAGGED > end)
			return XDP_ABORTED;
		__builtin_memcpy(data + UNTAGGED, plan->frame + UNTAGGED, TAGGED - UNTAGGED);
		set_flow(data + TAGGED - UNTAGGED, flow);
	}
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

/* The harness alone. */
SEC("xdp")
int trivial(struct xdp_md *ctx)
{
	return XDP_TX;
}

/* The least that any forwarder does. */
SEC("xdp")
int swap_macs(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u16 mac[6];

	if (data + 14 > end)
		return XDP_DROP;
	__builtin_memcpy(mac, data, 12);
	__builtin_memcpy(data, mac + 3, 6);
	__builtin_memcpy(data + 6, mac, 6);
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
