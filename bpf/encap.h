/* SPDX-License-Identifier: Apache-2.0
 *
 * Reals in other networks: the packet goes inside another one to the real (outer.h), or is marked (mark.h). Nothing here
 * is asked of a packet whose real is on a VLAN of this host's.
 */
#ifndef VC5_ENCAP_H
#define VC5_ENCAP_H

#include "mark.h"
#include "stats.h"

enum away_flags {
	AWAY_NEW_FLOW = 1,
	AWAY_SYN = 2,
	AWAY_LAST = 4,
};

/* The packet into its tunnel: GO_ON, SEE_TOO_BIG, or why not. */
static __always_inline enum reason enter(struct xdp_md *ctx, struct packet *packet, struct outer *outer,
					 const __u8 *saddr, const __u8 *daddr)
{
	__u32 type = tunnel_type(outer), mtu = tunnel_mtu(outer->tunnel), more;

	if (type == TUNNEL_NONE || type > TUNNEL_DSCP)
		return DROP_NO_NEIGHBOR; /* it is changing */
	if (type == TUNNEL_DSCP)
		return mark(ctx, outer, daddr);
	look_inside(outer, packet);
	if (mtu && outer->length > mtu)
		return SEE_TOO_BIG;
	if (!saddr)
		return DROP_INTERNAL;
	more = shim_bytes(type) + (is_over_ipv6(outer) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	if (away_vlan(outer->link))
		more += sizeof(struct vlan_tag);
	if (packet->tag)
		more -= sizeof(struct vlan_tag);
	if (bpf_xdp_adjust_head(ctx, -(int)more))
		return DROP_REWRITE;
	return put_outer(ctx, outer, saddr, daddr);
}

/* The same by what the maps say of a real, of this index. */
__noinline int encapsulate(struct xdp_md *ctx, __u32 index, __u64 hash)
{
	struct real *real = bpf_map_lookup_elem(&reals, &index);
	struct packet packet = {.traced = tracing};
	struct tunnel_source *source;
	struct outer outer = {};
	__u32 at;

	if (!real || parse_network(ctx, &packet) != GO_ON)
		return DROP_INTERNAL;
	outer.link = READ_ONCE(real->link);
	outer.tunnel = READ_ONCE(real->tunnel);
	outer.own = own_mac(&packet);
	outer.hash = hash;
	note(tracing, TRACE_TUNNEL, outer.tunnel);
	if (!is_away(outer.link)) /* since this moment */
		return deliver(ctx, &packet, outer.link);
	if (link_mac(outer.link) == outer.own)
		return PASS_AT_REAL;
	at = outer.tunnel >> TUNNEL_SOURCE_SHIFT;
	source = bpf_map_lookup_elem(&tunnel_sources, &at);
	return enter(ctx, &packet, &outer, source && at ? source->addr : NULL, real->addr);
}

/* A health check's packet, on the device that only such are sent to: into the tunnel that the lower 32 bits of its
 * destination MAC name, as a client's packet would go. */
__noinline int send_check(struct xdp_md *ctx)
{
	struct packet packet = {};
	struct outer outer = {};
	struct check_way *way;
	__u32 number;

	if (parse_network(ctx, &packet) != GO_ON)
		return XDP_DROP;
	number = bpf_ntohl(*(__be32 *)(packet.eth + 2));
	way = bpf_map_lookup_elem(&check_ways, &number);
	if (!way || !link_mac(way->link))
		return XDP_DROP;
	if ((packet.ipv6 ? parse_ipv6(&packet) : parse_ipv4(&packet)) == GO_ON)
		outer.hash = flow_hash(&packet, hashed_ports(&packet), 0);
	outer.link = READ_ONCE(way->link);
	outer.tunnel = READ_ONCE(way->tunnel);
	outer.own = way->own;
	if (enter(ctx, &packet, &outer, way->source, way->addr) != GO_ON)
		return XDP_DROP;
	return bpf_redirect(way->ifindex, 0);
}

/* The fast path's packets whose real is away: as forward() does with the others. `ports`: as hashed. */
__noinline int forward_away(struct xdp_md *ctx, __u32 index, __u64 hash, __u64 ports, __u32 flags)
{
	struct real *real = bpf_map_lookup_elem(&reals, &index);
	const struct control *control = find_control();
	struct packet packet = {.traced = tracing};
	enum reason reason;
	__u64 source;

	if (!real || !control || parse_network(ctx, &packet) != GO_ON)
		return leave(tracing, DROP_INTERNAL);
	source = source_of(&packet);
	reason = encapsulate(ctx, index, hash);
	if (reason == SEE_TOO_BIG)
		reason = answer_too_big(ctx, index);
	if (reason != GO_ON)
		return leave(tracing, reason);
	count_forwarded(&packet, index, source, flags & AWAY_NEW_FLOW);
	if (is_sampled(control, hash) && !(flags & AWAY_SYN))
		note_session(session_key(hash, ports), index, real->id, flags & AWAY_LAST);
	return send(ctx, real, tracing);
}

#endif
