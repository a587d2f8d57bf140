/* SPDX-License-Identifier: Apache-2.0
 *
 * Layer 2 forwarding: MAC addresses and VLAN tag are the only bytes that change.
 */
#ifndef VC5_REWRITE_H
#define VC5_REWRITE_H

#include "trace.h"

#define MAC_BITS 48
#define MAC_MASK ((1ULL << MAC_BITS) - 1)

/* struct real's link word, read once: a MAC is never seen half old, half new. */
static __always_inline __u64 link_mac(__u64 link)
{
	return link & MAC_MASK;
}

static __always_inline __be16 link_vlan(__u64 link)
{
	return link >> MAC_BITS; /* 0: untagged */
}

/* The address that the frame was sent to: this host's own on that wire. */
static __always_inline __u64 own_mac(const struct packet *packet)
{
	return *(__u64 *)packet->eth & MAC_MASK;
}

/* Destination and source: 12 bytes as two words. */
static __always_inline void set_macs(void *eth, __u64 link, __u64 own)
{
	*(__u64 *)eth = link_mac(link) | own << MAC_BITS;
	*(__u32 *)(eth + 8) = own >> 16;
}

static __always_inline enum reason push_tag(struct xdp_md *ctx, __u64 link, __u64 own)
{
	struct vlan_tag *tag;
	void *eth;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*tag)))
		return DROP_REWRITE;
	eth = (void *)(long)ctx->data;
	tag = eth + sizeof(struct ethhdr);
	if ((void *)(tag + 1) > (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	set_macs(eth, link, own);
	*(__be16 *)(eth + offsetof(struct ethhdr, h_proto)) = bpf_htons(ETH_P_8021Q);
	tag->tci_be = link_vlan(link); /* the frame's own ethertype is in place behind it */
	return GO_ON;
}

static __always_inline enum reason pop_tag(struct xdp_md *ctx, __u64 link, __u64 own)
{
	void *eth;

	if (bpf_xdp_adjust_head(ctx, sizeof(struct vlan_tag)))
		return DROP_REWRITE;
	eth = (void *)(long)ctx->data;
	if (eth + sizeof(struct ethhdr) > (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	set_macs(eth, link, own); /* the tag's ethertype is in place behind them */
	return GO_ON;
}

/* `packet`'s pointers are void afterwards. The priority bits of a tag that stays are kept. */
static __always_inline enum reason rewrite(struct xdp_md *ctx, struct packet *packet, __u64 link, __u64 own)
{
	__be16 vlan_be = link_vlan(link);

	if (packet->tag && !vlan_be)
		return pop_tag(ctx, link, own);
	if (!packet->tag && vlan_be)
		return push_tag(ctx, link, own);
	if (packet->tag)
		packet->tag->tci_be = (packet->tag->tci_be & ~bpf_htons(VLAN_ID_MASK)) | vlan_be;
	set_macs(packet->eth, link, own);
	return GO_ON;
}

/* To its real, unless the frame is there already: sent again it could loop: with the real's MAC unknown to a
 * switch, each load balancer that hears promiscuously would send it to the others once more. */
static __always_inline enum reason deliver(struct xdp_md *ctx, struct packet *packet, __u64 link)
{
	if (!link_mac(link))
		return DROP_NO_NEIGHBOR;
	if (link_mac(link) == own_mac(packet))
		return PASS_AT_REAL;
	return rewrite(ctx, packet, link, own_mac(packet));
}

/* Out: back through the interface that the packet came in by, unless the real is behind another. */
static __always_inline int send(struct xdp_md *ctx, const struct real *real, bool traced)
{
	if (traced)
		write_forwarded();
	if (real->ifindex && real->ifindex != ctx->ingress_ifindex)
		return bpf_redirect(real->ifindex, 0);
	return XDP_TX;
}

#endif
