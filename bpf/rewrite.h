/* SPDX-License-Identifier: Apache-2.0
 *
 * Layer 2 forwarding: MAC addresses and VLAN tag are the only bytes that change.
 */
#ifndef VC5_REWRITE_H
#define VC5_REWRITE_H

#include "parse.h"

#define VLAN_ID_MASK 0x0fff

/* struct real's link word, read once: a MAC is never seen half old, half new. */
union link {
	__u64 word;
	struct {
		__u8 mac[ETH_ALEN];
		__be16 vlan_be; /* 0: untagged */
	};
};

struct tagged_frame {
	struct ethhdr eth;
	struct vlan_tag tag;
};

static __always_inline bool has_mac(union link link)
{
	return link.word << 16; /* without the VLAN id, whose bytes are the highest */
}

/* Is the frame at its real already? Sending it again could loop: with the real's MAC unknown to a switch,
 * each load balancer that hears promiscuously would send it to the others once more. */
static __always_inline bool is_at_real(const struct packet *packet, union link link)
{
	const __u8 *dest = packet->eth->h_dest;

	return *(__u32 *)dest == *(__u32 *)link.mac && *(__u16 *)(dest + 4) == *(__u16 *)(link.mac + 4);
}

/* Source: the address that the frame was sent to, this host's own on that wire. */
static __always_inline void set_macs(struct ethhdr *eth, union link link, const __u8 *own_mac)
{
	__builtin_memcpy(eth->h_source, own_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, link.mac, ETH_ALEN);
}

static __always_inline enum reason push_tag(struct xdp_md *ctx, union link link, const __u8 *own_mac)
{
	struct tagged_frame *frame;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct vlan_tag)))
		return DROP_REWRITE;
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	set_macs(&frame->eth, link, own_mac);
	frame->eth.h_proto = bpf_htons(ETH_P_8021Q);
	frame->tag.tci_be = link.vlan_be; /* the frame's own ethertype is in place behind it */
	return GO_ON;
}

static __always_inline enum reason pop_tag(struct xdp_md *ctx, union link link, const __u8 *own_mac)
{
	struct ethhdr *eth;

	if (bpf_xdp_adjust_head(ctx, sizeof(struct vlan_tag)))
		return DROP_REWRITE;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return DROP_REWRITE;
	set_macs(eth, link, own_mac); /* the tag's ethertype is in place behind them */
	return GO_ON;
}

/* `packet`'s pointers are void afterwards. The priority bits of a tag that stays are kept. */
static __always_inline enum reason rewrite(struct xdp_md *ctx, struct packet *packet, union link link)
{
	__u8 own_mac[ETH_ALEN];

	__builtin_memcpy(own_mac, packet->eth->h_dest, ETH_ALEN);
	if (packet->tag && !link.vlan_be)
		return pop_tag(ctx, link, own_mac);
	if (!packet->tag && link.vlan_be)
		return push_tag(ctx, link, own_mac);
	if (packet->tag)
		packet->tag->tci_be = (packet->tag->tci_be & ~bpf_htons(VLAN_ID_MASK)) | link.vlan_be;
	set_macs(packet->eth, link, own_mac);
	return GO_ON;
}

/* Out: back through the interface that the packet came in by, unless the real is behind another. */
static __always_inline int send(struct xdp_md *ctx, const struct real *real)
{
	if (real->ifindex && real->ifindex != ctx->ingress_ifindex)
		return bpf_redirect(real->ifindex, 0);
	return XDP_TX;
}

#endif
