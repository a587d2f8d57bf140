/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a tunnel, which stand around a packet to a real in another network: bytes, and nothing that asks a map.
 */
#ifndef VC5_OUTER_H
#define VC5_OUTER_H

#include "rewrite.h"
#include "too_big.h"

#define OUTER_TTL 64
#define SOURCE_PORTS 0xc000     /* RFC 8085: a tunnel's source ports are 49152 … */
#define SOURCE_PORT_MASK 0x3fff /* … and above */
#define FLOW_LABEL_MASK 0xfffff

/* A packet's way into its tunnel, and what of the packet shows outside. */
struct outer {
	__u64 tunnel; /* the tunnel word */
	__u64 link;
	__u64 own; /* the MAC that the frame was sent to */
	__u32 hash;
	__u32 length;       /* of the packet inside */
	__be32 tag;         /* as the frame has it; 0: none */
	__be16 fragment_be; /* IPv4's flags and offset … */
	__be16 id_be;       /* … and the id outside */
	__u8 tos;
	bool ipv6; /* inside */
};

static __always_inline bool is_away(__u64 link)
{
	return link >> LINK_TUNNEL_SHIFT & 1;
}

/* The VLAN of the next hop. */
static __always_inline __be16 away_vlan(__u64 link)
{
	return link_vlan(link & ~(1ULL << LINK_TUNNEL_SHIFT));
}

static __always_inline __u32 tunnel_type(const struct outer *outer)
{
	return outer->tunnel & TUNNEL_TYPE_MASK;
}

static __always_inline bool is_over_ipv6(const struct outer *outer)
{
	return outer->tunnel >> TUNNEL_OVER_IPV6_SHIFT & 1;
}

/* Bytes between the outer IP header and the packet. */
static __always_inline __u32 shim_bytes(__u32 type)
{
	switch (type) {
	case TUNNEL_GRE: return 4;
	case TUNNEL_FOU: return sizeof(struct udphdr);
	case TUNNEL_GUE: return sizeof(struct udphdr) + 4;
	default: return 0;
	}
}

static __always_inline __u8 outer_protocol(__u32 type, bool ipv6)
{
	if (type == TUNNEL_GRE)
		return IPPROTO_GRE;
	if (type == TUNNEL_FOU || type == TUNNEL_GUE)
		return IPPROTO_UDP;
	return ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

static __always_inline void look_inside(struct outer *outer, const struct packet *packet)
{
	outer->ipv6 = packet->ipv6;
	outer->length = ip_length(packet);
	outer->tag = packet->tag ? *(__be32 *)(packet->eth + offsetof(struct ethhdr, h_proto)) : 0;
	if (packet->ipv6) {
		outer->tos = bpf_ntohl(*(__be32 *)packet->ip) >> 20;
		outer->fragment_be = bpf_htons(IP_DONT_FRAGMENT);
	} else {
		outer->tos = ip4(packet)->tos;
		outer->fragment_be = ip4(packet)->frag_off;
		outer->id_be = ip4(packet)->id;
	}
}

/* MAC addresses, the next hop's tag and the outer ethertype. Returns what comes behind them. */
static __always_inline void *put_ethernet(void *eth, const struct outer *outer)
{
	__be16 vlan_be = away_vlan(outer->link);
	__be32 tag = outer->tag ? outer->tag & bpf_htonl(0xffffffff & ~VLAN_ID_MASK)
				: bpf_htonl(ETH_P_8021Q << 16);

	set_macs(eth, outer->link, outer->own);
	eth += offsetof(struct ethhdr, h_proto);
	if (vlan_be) {
		*(__be32 *)eth = tag | (__u32)vlan_be << 16;
		eth += sizeof(tag);
	}
	*(__be16 *)eth = is_over_ipv6(outer) ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	return eth + sizeof(__be16);
}

static __always_inline void put_ipv4(struct iphdr *ip, const struct outer *outer, __u32 length,
				     __be32 saddr_be, __be32 daddr_be)
{
	__be16 fragment_be = outer->fragment_be & bpf_htons(IP_DONT_FRAGMENT), id_be = 0;
	__u32 *words = (__u32 *)ip;

	if (!fragment_be)
		id_be = outer->id_be ^ outer->fragment_be ^ bpf_htons(outer->hash >> 16);
	words[0] = 0x45 | (__u32)outer->tos << 8 | (__u32)bpf_htons(length) << 16;
	words[1] = id_be | (__u32)fragment_be << 16;
	words[2] = OUTER_TTL | (__u32)outer_protocol(tunnel_type(outer), outer->ipv6) << 8;
	words[3] = saddr_be;
	words[4] = daddr_be;
	ip->check = ~fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
}

static __always_inline void put_ipv6(struct ipv6hdr *ip, const struct outer *outer, __u32 length,
				     const __u8 *saddr, const __u8 *daddr)
{
	__u32 protocol = outer_protocol(tunnel_type(outer), outer->ipv6);

	*(__be32 *)ip = bpf_htonl(0x60000000 | (__u32)outer->tos << 20 | (outer->hash & FLOW_LABEL_MASK));
	*((__u32 *)ip + 1) = bpf_htons(length) | protocol << 16 | OUTER_TTL << 24;
	copy_address(&ip->saddr, (const struct in6_addr *)saddr);
	copy_address(&ip->daddr, (const struct in6_addr *)daddr);
}

/* What stands between the outer IP header and the packet: `room` for it is `shim_bytes`. */
static __always_inline void put_shim(void *shim, const struct outer *outer)
{
	__u32 type = tunnel_type(outer), ports;

	if (type == TUNNEL_GRE) {
		*(__u32 *)shim = (__u32)(outer->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP)) << 16;
		return;
	}
	ports = bpf_htons(SOURCE_PORTS | (outer->hash & SOURCE_PORT_MASK)) |
		(__u32)(outer->tunnel >> TUNNEL_PORT_SHIFT) << 16;
	*(__u32 *)shim = ports;
	*(__u32 *)(shim + 4) = bpf_htons(outer->length + shim_bytes(type));
	if (type == TUNNEL_GUE)
		*(__u32 *)(shim + 8) = (outer->ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP) << 8;
}

/* The outer headers, into the room that was made for them. */
static __always_inline enum reason put_outer(struct xdp_md *ctx, const struct outer *outer, const __u8 *saddr,
					     const __u8 *daddr)
{
	void *pos = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 type = tunnel_type(outer), shim = shim_bytes(type);

	if (pos + sizeof(struct ethhdr) + sizeof(struct vlan_tag) > end)
		return DROP_REWRITE;
	pos = put_ethernet(pos, outer);
	if (is_over_ipv6(outer)) {
		if (pos + sizeof(struct ipv6hdr) > end)
			return DROP_REWRITE;
		put_ipv6(pos, outer, outer->length + shim, saddr, daddr);
		pos += sizeof(struct ipv6hdr);
	} else {
		if (pos + sizeof(struct iphdr) > end)
			return DROP_REWRITE;
		put_ipv4(pos, outer, outer->length + shim + sizeof(struct iphdr), *(__be32 *)(saddr + 12),
			 *(__be32 *)(daddr + 12));
		pos += sizeof(struct iphdr);
	}
	if (type == TUNNEL_IPIP)
		return GO_ON;
	if (pos + sizeof(struct udphdr) + 4 >
	    end) /* the packet inside is longer than what GRE and FOU lack */
		return DROP_REWRITE;
	put_shim(pos, outer);
	return GO_ON;
}

#endif
