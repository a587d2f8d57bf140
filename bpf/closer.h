/* SPDX-License-Identifier: Apache-2.0
 *
 * A closer look at what is not plain TCP or UDP of a service: what is for no VIP, fragments, IPv6 extension
 * headers, ICMP, unknown ports, malformed packets. The fast path leaves it all to look_closer(), which begins
 * again, so that the fast path stays short. Its steps are global functions: the verifier looks at each once and by
 * itself, and the ways through them add up instead of multiplying.
 */
#ifndef VC5_CLOSER_H
#define VC5_CLOSER_H

#include "block.h"
#include "encap.h"
#include "fragment.h"
#include "icmp.h"
#include "rewrite.h"
#include "track.h"

/* The bare VIP's entry for the packet's destination, or NULL. The flag tells it from an empty position, whose
 * key is that of 0.0.0.0 and of ::. */
static __always_inline const struct service *find_vip(const struct generation *generation,
						      const struct packet *packet)
{
	const struct service *vip;

	if (packet->ipv6)
		vip = find_again6(generation, words(&ip6(packet)->daddr), VIP_TAIL);
	else
		vip = find_again4(generation, ip4(packet)->daddr, VIP_TAIL);
	return vip && vip->flags & SERVICE_VIP ? vip : NULL;
}

/* The transport of a packet that may be a first fragment. */
static __always_inline enum reason parse_transport(struct packet *packet)
{
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		return parse_ports(packet, !packet->fragmented);
	if (packet->protocol != (packet->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return DROP_PROTOCOL;
	if (packet->length < sizeof(struct icmp))
		return DROP_MALFORMED;
	return packet->fragmented ? DROP_FRAGMENT : SEE_ICMP;
}

/* IPv4: what the fast path left since it is a fragment. */
static __always_inline enum reason parse_fragment4(struct packet *packet)
{
	packet->fragmented = true;
	packet->fragment_be = ip4(packet)->id;
	if (!(ip4(packet)->frag_off & bpf_htons(IP_OFFSET)))
		return parse_transport(packet);
	return packet->protocol == IPPROTO_ICMP ? DROP_FRAGMENT : SEE_FRAGMENT;
}

static __always_inline enum reason parse_extensions(struct xdp_md *ctx, struct packet *packet)
{
	struct walk walk = {};
	enum reason reason;

	walk.at = packet->transport - packet->eth;
	walk.end = walk.at + packet->length;
	walk.protocol = packet->protocol;
	reason = walk_extensions(ctx, &walk);
	packet->extended = true;
	packet->fragmented = walk.fragmented;
	packet->fragment_be = walk.id_be;
	packet->protocol = walk.protocol;
	if (reason == SEE_FRAGMENT)
		return walk.protocol == IPPROTO_ICMPV6 ? DROP_FRAGMENT : SEE_FRAGMENT;
	if (reason != GO_ON)
		return reason;
	packet->length = walk.end - walk.at;
	packet->transport = (void *)(long)ctx->data + (walk.at & WALK_MASK);
	packet->end = (void *)(long)ctx->data_end;
	return parse_transport(packet);
}

/* Reads on where the fast path stopped: GO_ON with ports, SEE_FRAGMENT for a later one, SEE_ICMP, or a reason. */
static __always_inline enum reason parse_closely(struct xdp_md *ctx, struct packet *packet)
{
	enum reason reason = packet->ipv6 ? parse_ipv6(packet) : parse_ipv4(packet);

	packet->extended = !packet->ipv6 && ip4(packet)->ihl > 5;
	if (reason == SEE_EXTENSION)
		return parse_extensions(ctx, packet);
	return reason == SEE_FRAGMENT ? parse_fragment4(packet) : reason;
}

/* The service of q's flow. */
static __always_inline const struct service *find_by_key(const struct generation *generation,
							 const struct question *q, bool any_port)
{
	__u64 tail = any_port ? key_ports(q) >> 32 << 16 : key_ports(q) >> 16;

	if (q->ipv6)
		return find_again6(generation, q->key.words + 2, tail);
	return find_again4(generation, q->key.words[0] >> 32, tail);
}

/* The real of q's flow: GO_ON, or why there is none. */
__noinline int find_real(struct question *q, __u32 live)
{
	const struct control *control = find_control();
	const struct generation *generation = control ? generation_of(control, live) : NULL;
	const struct service *service;
	enum reason reason;
	struct real *real;
	__u32 index;

	if (!q || !generation)
		return DROP_INTERNAL;
	service = find_by_key(generation, q, false);
	if (service) {
		note(tracing, TRACE_SERVICE, service->id);
	} else if (generation->flags & (GENERATION_ANY_PORT4 | GENERATION_ANY_PORT6)) {
		service = find_by_key(generation, q, true);
		if (service)
			note(tracing, TRACE_ANY_PORT, service->id);
	}
	if (!service)
		return q->reading ? DROP_ICMP : DROP_UNKNOWN_PORT;
	q->hash = key_hash(q, generation->seed, service->flags);
	reason = find_owner(service, q->hash, tracing, &q->slot, &index, &real);
	if (reason != GO_ON)
		return reason;
	if (is_plain(service, q->slot, real)) {
		note(tracing, TRACE_FAST, 0);
	} else {
		q->lifetime_ns = generation->flow_lifetime_ns;
		q->inserts = control->inserts;
		q->tells = control->tells;
		index = track(q, service);
	}
	q->index = index;
	return index ? GO_ON : DROP_NO_REAL;
}

/* The verdict on a packet whose real is known. */
__noinline int send_closely(struct xdp_md *ctx, const struct question *q)
{
	const struct control *control = find_control();
	struct packet packet = {.traced = tracing};
	enum reason reason;
	struct real *real;
	__u32 index;
	__u64 link;

	if (!q || !control || parse_network(ctx, &packet) != GO_ON)
		return leave(tracing, DROP_INTERNAL);
	index = q->index;
	real = bpf_map_lookup_elem(&reals, &index);
	if (!real)
		return leave(tracing, DROP_INTERNAL);
	note(tracing, TRACE_REAL, index);
	link = READ_ONCE(real->link);
	note(tracing, TRACE_LINK, link);
	reason = is_away(link) ? encapsulate(ctx, index, q->hash) : deliver(ctx, &packet, link);
	if (reason == SEE_TOO_BIG)
		reason = answer_too_big(ctx, index);
	if (reason != GO_ON)
		return leave(tracing, reason);
	count_forwarded(&packet, index, q->source, q->syn || (!q->tcp && q->stored));
	if (q->first)
		keep_fragment(q, real->id);
	if (!q->reading && !q->syn && is_sampled(control, q->hash))
		note_session(session_key(q->hash, key_ports(q)), index, real->id, q->last);
	return send(ctx, real, tracing);
}

/* Tells what flow q is of. */
static __noinline int note_question(const struct question *q)
{
	const __u64 *key = q->key.words;
	__u64 saddr = (__u32)key[0], daddr = key[0] >> 32;
	__u64 ports = key_ports(q);

	if (q->ipv6)
		write_flow(true, key, key + 2, ports, q->protocol);
	else
		write_flow(false, &saddr, &daddr, ports, q->protocol);
	return 0;
}

static __always_inline void fill_question(struct question *q, const struct packet *packet)
{
	fill_key(q, packet);
	q->tcp = packet->protocol == IPPROTO_TCP;
	q->syn = is_syn(packet);
	q->last = is_last(packet);
	q->first = packet->fragmented;
	q->protocol = packet->protocol;
	q->fragment_be = packet->fragment_be;
	q->source = source_of(packet);
}

static __always_inline enum reason read_family(struct xdp_md *ctx, const struct control *control,
					       const struct generation *generation, struct packet *packet,
					       struct question *q)
{
	const struct service *vip = find_vip(generation, packet);
	enum reason reason;
	__u32 at, flags;

	if (!vip)
		return PASS_NOT_VIP;
	if (is_blocked(control, packet))
		return DROP_BLOCKED;
	flags = vip->flags & SERVICE_UP ? ICMP_VIP_UP : 0;
	reason = parse_closely(ctx, packet);
	fill_question(q, packet);
	if (reason == SEE_ICMP) {
		at = packet->transport - packet->eth;
		barrier_var(at); /* else clang adds lengths to pointers, which the verifier refuses */
		reason = look_at_icmp(ctx, q, at, at + packet->length,
				      flags | (packet->extended ? ICMP_EXTENDED : 0));
	}
	if (tracing)
		note_question(q);
	return reason;
}

/* Reads on where the fast path stopped: GO_ON with q's flow, SEE_FRAGMENT with the addresses of a later fragment, or
 * what becomes of the packet. */
__noinline int read_closely(struct xdp_md *ctx, struct question *q, __u32 live)
{
	const struct control *control = find_control();
	const struct generation *generation = control ? generation_of(control, live) : NULL;
	struct packet packet = {.traced = tracing};

	if (!q || !generation || parse_network(ctx, &packet) != GO_ON)
		return DROP_INTERNAL;
	if (packet.ipv6) {
		packet.ipv6 = true; /* now a constant */
		return read_family(ctx, control, generation, &packet, q);
	}
	packet.ipv6 = false;
	return read_family(ctx, control, generation, &packet, q);
}

/* The verdict on a packet that the fast path left, in the generation that it saw. */
__noinline int look_closer(struct xdp_md *ctx, __u32 live)
{
	struct question q = {};
	enum reason reason = read_closely(ctx, &q, live);

	if (reason == SEE_FRAGMENT) {
		q.reading = true;
		q.first = false;
		q.index = find_fragment(&q);
		note(tracing, TRACE_FRAGMENT, q.index);
		reason = q.index ? GO_ON : DROP_FRAGMENT;
	} else if (reason == GO_ON) {
		reason = find_real(&q, live);
	}
	return reason == GO_ON ? send_closely(ctx, &q) : leave(tracing, reason);
}

#endif
