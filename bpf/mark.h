/* SPDX-License-Identifier: Apache-2.0
 *
 * DSCP marking: no tunnel, but the real's address in the packet itself, and checksums that follow.
 */
#ifndef VC5_MARK_H
#define VC5_MARK_H

#include "outer.h"

#define DSCP_MASK 0x3f
#define ECN_MASK 3

/* Where a packet's checksum over its addresses is, or NULL: it has none, or this is a later fragment. */
static __always_inline __u16 *find_checksum(struct xdp_md *ctx, const struct packet *packet, __u8 *protocol)
{
	struct walk walk = {.at = packet->ip - packet->eth};
	__u32 place;
	__u16 *check;

	if (packet->ipv6) {
		walk.at += sizeof(struct ipv6hdr);
		walk.end = walk.at + bpf_ntohs(ip6(packet)->payload_len);
		walk.protocol = ip6(packet)->nexthdr;
		if (walk_extensions(ctx, &walk) != GO_ON)
			return NULL;
	} else {
		if (ip4(packet)->frag_off & bpf_htons(IP_OFFSET))
			return NULL;
		walk.at += ip4(packet)->ihl * 4;
		walk.protocol = ip4(packet)->protocol;
	}
	*protocol = walk.protocol;
	if (walk.protocol == IPPROTO_TCP)
		place = offsetof(struct tcphdr, check);
	else if (walk.protocol == IPPROTO_UDP)
		place = offsetof(struct udphdr, check);
	else if (walk.protocol == IPPROTO_ICMPV6)
		place = offsetof(struct icmp, check_be);
	else
		return NULL;
	check = (void *)(long)ctx->data + ((walk.at + place) & WALK_MASK);
	return (void *)(check + 1) > (void *)(long)ctx->data_end ? NULL : check;
}

/* A checksum after a change that adds `sum` to it (RFC 1624, equation 3). */
static __always_inline __u16 changed(__u16 check, __u64 sum)
{
	return ~fold((__u16)~check + sum);
}

/* DSCP marking: the packet's destination becomes the real's address. */
static __always_inline enum reason mark(struct xdp_md *ctx, const struct outer *outer, const __u8 *daddr)
{
	__u32 dscp = outer->tunnel >> TUNNEL_DSCP_SHIFT & DSCP_MASK, was;
	struct packet packet = {};
	__u8 protocol = 0;
	__u16 *check;
	__u64 sum;

	if (parse_network(ctx, &packet) != GO_ON || packet.ipv6 != is_over_ipv6(outer))
		return DROP_INTERNAL;
	check = find_checksum(ctx, &packet, &protocol);
	if (parse_network(ctx, &packet) != GO_ON)
		return DROP_INTERNAL;
	if (packet.ipv6) {
		struct ipv6hdr *ip = packet.ip;

		sum = sum_inverse(&ip->daddr) + sum_address((const struct in6_addr *)daddr);
		*(__be32 *)ip = (*(__be32 *)ip & ~bpf_htonl(DSCP_MASK << 22)) | bpf_htonl(dscp << 22);
		copy_address(&ip->daddr, (const struct in6_addr *)daddr);
	} else {
		struct iphdr *ip = packet.ip;

		sum = (__u32)~ip->daddr + (__u64) * (__be32 *)(daddr + 12);
		was = *(__u16 *)ip;
		ip->tos = dscp << 2 | (ip->tos & ECN_MASK);
		ip->check = changed(ip->check, sum + (__u16)~was + *(__u16 *)ip);
		ip->daddr = *(__be32 *)(daddr + 12);
	}
	if (check && (protocol != IPPROTO_UDP || *check)) {
		*check = changed(*check, sum);
		if (protocol == IPPROTO_UDP && !*check)
			*check = 0xffff;
	}
	return rewrite(ctx, &packet, outer->link & ~(1ULL << LINK_TUNNEL_SHIFT), outer->own);
}

#endif
