/* SPDX-License-Identifier: Apache-2.0
 *
 * A stand-in for the kernel's tunnels on a real, where the kernel has none: takes outer headers off, and puts a VIP
 * back by its DSCP. It looks at no checksum and at no source. The tests in virtual machines use the kernel's own.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FOU4 5555
#define FOU6 5556
#define GUE 6080
#define DSCP 41
#define VIP 0x0a3c0001 /* 10.60.0.1 */

/* Bytes behind the outer IP header, and the ethertype of what is inside; 0: this is no tunnel. */
static __always_inline int inside(void *shim, void *end, __u8 protocol, __be16 *type)
{
	__be16 *port = shim + 2;

	*type = bpf_htons(ETH_P_IP);
	if (protocol == IPPROTO_IPV6)
		*type = bpf_htons(ETH_P_IPV6);
	if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6)
		return 0;
	if (shim + 12 > end)
		return -1;
	if (protocol == IPPROTO_GRE) {
		*type = *port;
		return *(__u16 *)shim ? -1 : 4;
	}
	if (protocol != IPPROTO_UDP)
		return -1;
	if (*port == bpf_htons(FOU4))
		return 8;
	if (*port == bpf_htons(FOU6)) {
		*type = bpf_htons(ETH_P_IPV6);
		return 8;
	}
	if (*port != bpf_htons(GUE) || *(__u8 *)(shim + 8))
		return -1;
	if (*(__u8 *)(shim + 9) == IPPROTO_IPV6)
		*type = bpf_htons(ETH_P_IPV6);
	return 12;
}

static __always_inline int strip(struct xdp_md *ctx, struct ethhdr *eth, __u32 bytes, __be16 type)
{
	struct ethhdr kept = *eth;
	void *data;

	if (bpf_xdp_adjust_head(ctx, bytes))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + sizeof(kept) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	kept.h_proto = type;
	__builtin_memcpy(data, &kept, sizeof(kept));
	return XDP_PASS;
}

static __always_inline __u16 updated(__u16 check, __u32 was, __u32 now)
{
	__u64 sum = (__u64)(__u16)~check + (__u32)~was + now;

	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void turn_back(struct iphdr *ip, void *end)
{
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 vip = bpf_htonl(VIP);

	if (ip->tos >> 2 != DSCP || ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > end)
		return;
	tcp->check = updated(tcp->check, ip->daddr, vip);
	ip->check = updated(ip->check, ip->daddr, vip);
	ip->daddr = vip;
}

SEC("xdp")
int decap(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	__be16 type;
	int shim;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		turn_back(ip, end);
		shim = ip->ihl == 5 ? inside(ip + 1, end, ip->protocol, &type) : -1;
		return shim < 0 ? XDP_PASS : strip(ctx, eth, sizeof(*ip) + shim, type);
	}
	if (eth->h_proto != bpf_htons(ETH_P_IPV6) || (void *)(ip6 + 1) > end)
		return XDP_PASS;
	shim = inside(ip6 + 1, end, ip6->nexthdr, &type);
	return shim < 0 ? XDP_PASS : strip(ctx, eth, sizeof(*ip6) + shim, type);
}

char LICENSE[] SEC("license") = "Apache-2.0";
