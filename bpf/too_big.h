/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that do not fit into a tunnel: their sender is told what does, by ICMP that quotes the packet.
 */
#ifndef VC5_TOO_BIG_H
#define VC5_TOO_BIG_H

#include "icmp.h"

#define QUOTE4 548  /* bytes of the packet: with the headers 576 (RFC 1812, section 4.3.2.3) … */
#define QUOTE6 1232 /* … and 1280 (RFC 4443, section 2.4) */
#define QUOTE_WORDS ((int)((sizeof(struct icmp) + QUOTE6) / 4))
#define LEAST_MTU6 1280 /* no path has less (RFC 8200), and nobody believes in less (RFC 8201) */
#define ERROR_TOS 0xc0  /* precedence "internetwork control" (RFC 1812, section 4.3.2.5) */
#define ICMP_FRAGMENTATION_NEEDED 4

static __always_inline __u32 tunnel_mtu(__u64 tunnel)
{
	return tunnel >> TUNNEL_MTU_SHIFT & 0xffff;
}

/* Of the packet, without what may pad the frame. */
static __always_inline __u32 ip_length(const struct packet *packet)
{
	return packet->ipv6 ? sizeof(struct ipv6hdr) + bpf_ntohs(ip6(packet)->payload_len)
			    : bpf_ntohs(ip4(packet)->tot_len);
}

/* What stands before IP, since it moves: Ethernet and at most one tag. */
struct front {
	__u64 macs;
	__u32 rest;
	__u32 tag;
	__be16 eth_proto_be;
	__u16 bytes;
};

static __always_inline void keep_front(const struct packet *packet, struct front *front)
{
	front->macs = *(__u64 *)packet->eth;
	front->rest = *(__u32 *)(packet->eth + 8);
	front->tag = packet->tag ? *(__u32 *)(packet->eth + 12) : 0;
	front->eth_proto_be = packet->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	front->bytes = packet->tag ? sizeof(struct ethhdr) + sizeof(struct vlan_tag) : sizeof(struct ethhdr);
}

/* Turned around, `front->bytes` before IP. */
static __always_inline void put_front(void *eth, const struct front *front)
{
	*(__u64 *)eth = front->macs >> 48 | (__u64)front->rest << 16 | front->macs << 48;
	*(__u32 *)(eth + 8) = front->macs >> 16;
	if (front->bytes > sizeof(struct ethhdr)) {
		*(__u32 *)(eth + 12) = front->tag;
		eth += sizeof(struct vlan_tag);
	}
	*(__be16 *)(eth + 12) = front->eth_proto_be;
}

/* One's complement sum of `words` 32-bit words of the frame, `at` bytes from its begin, to 16 bits. */
__noinline __u32 sum_words(struct xdp_md *ctx, __u32 at, __u32 words)
{
	__u64 sum = 0;

	for (int i = 0; i < QUOTE_WORDS; i++) {
		__u32 *word = (void *)(long)ctx->data + (at & WALK_MASK);

		if (i >= words || (void *)(word + 1) > (void *)(long)ctx->data_end)
			break;
		sum += *word;
		at += sizeof(*word);
	}
	return fold(sum);
}

/* The IPv4 header and ICMP's, before `quote` bytes of the packet; `at` is where the header begins. */
static __always_inline enum reason fill_error4(struct xdp_md *ctx, __u32 at, __u32 quote, __u32 mtu)
{
	struct iphdr *ip = (void *)(long)ctx->data + (at & WALK_MASK), *inner;
	struct icmp *icmp = (void *)(ip + 1);
	__u32 *words = (__u32 *)ip;

	inner = (void *)(icmp + 1);
	if ((void *)(inner + 1) > (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	words[0] = 0x45 | ERROR_TOS << 8 | (__u32)bpf_htons(sizeof(*ip) + sizeof(*icmp) + quote) << 16;
	words[1] = (__u32)bpf_htons(IP_DONT_FRAGMENT) << 16;
	words[2] = ANSWER_TTL | IPPROTO_ICMP << 8;
	words[3] = inner->daddr;
	words[4] = inner->saddr;
	ip->check = ~fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
	*icmp = (struct icmp){.type = ICMP_DEST_UNREACH,
			      .code = ICMP_FRAGMENTATION_NEEDED,
			      .rest_be = (__u32)bpf_htons(mtu) << 16};
	at += sizeof(*ip);
	icmp->check_be = ~sum_words(ctx, at, (sizeof(struct icmp) + quote) / 4);
	return GO_ON;
}

static __always_inline enum reason fill_error6(struct xdp_md *ctx, __u32 at, __u32 quote, __u32 mtu)
{
	struct ipv6hdr *ip = (void *)(long)ctx->data + (at & WALK_MASK), *inner;
	struct icmp *icmp = (void *)(ip + 1);
	__u32 length = sizeof(*icmp) + quote;
	__u64 pseudo;

	inner = (void *)(icmp + 1);
	if ((void *)(inner + 1) > (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	*(__u32 *)ip = bpf_htonl(0x60000000 | ERROR_TOS << 20);
	*((__u32 *)ip + 1) = bpf_htons(length) | IPPROTO_ICMPV6 << 16 | (__u32)ANSWER_TTL << 24;
	copy_address(&ip->saddr, &inner->daddr);
	copy_address(&ip->daddr, &inner->saddr);
	*icmp = (struct icmp){.type = ICMPV6_PKT_TOOBIG, .rest_be = bpf_htonl(mtu)};
	pseudo = sum_address(&ip->saddr) + sum_address(&ip->daddr) + bpf_htonl(length) +
		 bpf_htonl(IPPROTO_ICMPV6);
	at += sizeof(*ip);
	icmp->check_be = ~fold(pseudo + sum_words(ctx, at, length / 4));
	return GO_ON;
}

/* Whether nobody would hear an answer, or might not be given one (RFC 1122, section 3.2.2; RFC 4443, section 2.4). */
static __always_inline bool is_not_told(struct xdp_md *ctx, const struct packet *packet, __u32 length)
{
	struct walk walk = {.at = packet->ip + sizeof(struct ipv6hdr) - packet->eth};

	if (!packet->ipv6)
		return is_unanswerable(false, &ip4(packet)->saddr, &ip4(packet)->daddr) ||
		       ip4(packet)->protocol == IPPROTO_ICMP || ip4(packet)->frag_off & bpf_htons(IP_OFFSET);
	if (is_unanswerable(true, &ip6(packet)->saddr, &ip6(packet)->daddr))
		return true;
	walk.end = walk.at + length - sizeof(struct ipv6hdr);
	walk.protocol = ip6(packet)->nexthdr;
	return length <= LEAST_MTU6 || walk_extensions(ctx, &walk) != GO_ON ||
	       walk.protocol == IPPROTO_ICMPV6;
}

/* The packet becomes the answer to itself: it does not fit into the tunnel to this real. */
__noinline int answer_too_big(struct xdp_md *ctx, __u32 index)
{
	const struct control *control = find_control();
	struct real *real = bpf_map_lookup_elem(&reals, &index);
	struct packet packet = {.traced = tracing};
	struct budget *budget;
	struct front front;
	__u32 head, quote, length, mtu;
	bool ipv6;

	if (!control || !real || parse_network(ctx, &packet) != GO_ON)
		return DROP_INTERNAL;
	keep_front(&packet, &front);
	ipv6 = packet.ipv6;
	mtu = tunnel_mtu(READ_ONCE(real->tunnel));
	length = ip_length(&packet);
	if (is_not_told(ctx, &packet, length))
		return DROP_TOO_BIG;
	budget = budget_of(bpf_ktime_get_coarse_ns());
	if (!budget || budget->too_bigs >= control->too_bigs)
		return DROP_TOO_BIG_LIMIT;
	budget->too_bigs++;

	quote = ipv6 ? QUOTE6 : QUOTE4;
	quote = (length < quote ? length : quote) & ~3;
	head = (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct icmp);
	if (bpf_xdp_adjust_head(ctx, -(int)head) ||
	    bpf_xdp_adjust_tail(ctx, (int)(front.bytes + head + quote) - (int)(packet.bytes + head)) ||
	    (void *)(long)ctx->data + sizeof(struct ethhdr) + sizeof(struct vlan_tag) >
		    (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	put_front((void *)(long)ctx->data, &front);
	if (ipv6 && mtu < LEAST_MTU6)
		mtu = LEAST_MTU6;
	if ((ipv6 ? fill_error6(ctx, front.bytes, quote, mtu) : fill_error4(ctx, front.bytes, quote, mtu)) !=
	    GO_ON)
		return DROP_REWRITE;
	return ANSWER_TOO_BIG;
}

#endif
