// SPDX-License-Identifier: Apache-2.0
/*
 * Both ends of the wire that a load balancer is compared on with another. `generate` makes frames at one end of a
 * veth; whoever is at the other end sends them on; `judge` notes which real got a flow's last packet.
 *
 * A frame's flow is the lower 24 bits of its source address; a real is the last byte of its MAC.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LENGTH 66 /* Ethernet 14, IPv4 20, TCP 20, data 12 */
#define CHECKSUM_AT 24
#define SOURCE_AT 26 /* its last four bytes */
#define FLAGS_AT 47
#define NET 10 /* first byte of every source */
#define FLOW_MASK 0xffffff

struct plan {
	__u64 made;
	__u64 random; /* 0: flows take turns */
	__u32 first;  /* flow */
	__u32 flows;  /* … and so many */
	__u8 flags;   /* of TCP */
	__u8 pad[7];
	__u8 frame[72];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plans SEC(".maps");

/* By flow: the real that its last packet came to; 0: none did. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} reached SEC(".maps");

/* Frames for the VIP that came to an end: of `judge`, of `drop`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ended SEC(".maps");

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, flow, sum;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	__u64 number;

	if (!plan || !plan->flows || data + LENGTH > end)
		return XDP_ABORTED;
	number = plan->made++;
	if (plan->random) {
		number = plan->random;
		number ^= number << 13;
		number ^= number >> 7;
		number ^= number << 17;
		plan->random = number;
		number >>= 16;
	}
	flow = (plan->first + number % plan->flows) & FLOW_MASK;
	__builtin_memcpy(data, plan->frame, LENGTH);
	*(__be32 *)(data + SOURCE_AT) = bpf_htonl(NET << 24 | flow);
	*(__u8 *)(data + FLAGS_AT) = plan->flags;
	/* The frame's own is the sum for flow 0. */
	sum = (__u16)~bpf_ntohs(*(__be16 *)(data + CHECKSUM_AT)) + (flow >> 16) + (flow & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(__be16 *)(data + CHECKSUM_AT) = bpf_htons(~sum);
	return XDP_TX;
}

static __always_inline void count(void)
{
	__u32 zero = 0;
	__u64 *counter = bpf_map_lookup_elem(&ended, &zero);

	if (counter)
		(*counter)++;
}

SEC("xdp")
int judge(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 *mac = data;
	__u64 *real;
	__u32 flow;

	if (data + LENGTH > end || mac[12] != 8 || mac[13])
		return XDP_DROP;
	flow = bpf_ntohl(*(__be32 *)(data + SOURCE_AT)) & FLOW_MASK;
	real = bpf_map_lookup_elem(&reached, &flow);
	if (real)
		*real = mac[5];
	count();
	return XDP_DROP;
}

/* The end of a frame, at no cost worth speaking of. */
SEC("xdp")
int drop(struct xdp_md *ctx)
{
	count();
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
