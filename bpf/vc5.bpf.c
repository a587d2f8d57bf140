// SPDX-License-Identifier: Apache-2.0
/*
 * The XDP program. Every step is a header of its own:
 *
 *   parse.h      bytes to a packet
 *   index.h      the live generation, and the service by perfect hash (hash.h)
 *   block.h      source prefixes that are dropped
 *   select.h     the slot, its owner, and choosing
 *   track.h      flows that the tables cannot answer for (flows.h, budget.h)
 *   rewrite.h    MAC addresses, VLAN tag, and out
 *   stats.h      counters, sessions, prefixes, time
 *   closer.h     whatever is not plain: fragment.h, extension.h, icmp.h
 *   trace.h      telling of all this, in a tracing program
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "closer.h"

/* Types that user space shares but no map's value names: a variable keeps them in BTF. Its section is
 * none that libbpf would make a map of. */
const struct shared_types {
	enum vc5_layout layout;
	enum slot_bits slot_bits;
	enum slot_state slot_state;
	enum real_state real_state;
	enum service_flags service_flags;
	enum generation_flags generation_flags;
	enum switches switches;
	enum reason reason;
	enum filter filter;
	enum trace_limits trace_limits;
	enum trace_step trace_step;
} shared_types SEC("shared") = {};

/* The service of a plain TCP or UDP packet, or NULL. */
static __always_inline const struct service *find_service(const struct generation *generation,
							  const struct packet *packet)
{
	__u64 tail = hashed_ports(packet) >> 16, any_port = tail & ~0xffffULL;
	const struct service *service;

	if (packet->ipv6) {
		service = find_key6(generation, words(&ip6(packet)->daddr), tail);
		if (!service && generation->flags & GENERATION_ANY_PORT6)
			service = find_again6(generation, words(&ip6(packet)->daddr), any_port);
	} else {
		service = find_key4(generation, ip4(packet)->daddr, tail);
		if (!service && generation->flags & GENERATION_ANY_PORT4)
			service = find_again4(generation, ip4(packet)->daddr, any_port);
	}
	return service;
}

static __always_inline __u64 flow_hash(const struct packet *packet, __u64 ports, __u64 seed)
{
	if (packet->ipv6)
		return flow_hash6(words(&ip6(packet)->saddr), words(&ip6(packet)->daddr), ports, seed);
	return flow_hash4(addresses4(packet->ip), ports, seed);
}

/* Not the fast path: what the flow tables say. Returns the real's index, or NO_REAL. Not inlined, for the sake of
 * the stack: `packet` has no pointer but that of the IP header. */
static __noinline __u64 ask_flows(const struct generation *generation, const struct service *service,
				  const void *ip, __u64 hash, __u64 rest)
{
	const struct control *control = find_control();
	struct question q = {
		.hash = hash,
		.lifetime_ns = generation->flow_lifetime_ns,
		.inserts = control ? control->inserts : 0,
		.slot = rest >> 32,
		.ipv6 = rest >> 48 & 1,
		.tcp = rest >> 49 & 1,
		.syn = rest >> 50 & 1,
	};
	struct packet packet = {.ip = (void *)ip, .ipv6 = q.ipv6, .ports_be = rest};
	__u32 index;

	set_key(&q, &packet);
	index = track(&q, service);
	return index | (__u64)(q.syn || (!q.tcp && q.stored)) << 32;
}

/* One packet's way. Called twice with a constant, so that the program that traces nothing has no trace of it. */
static __always_inline int process(struct xdp_md *ctx, bool traced)
{
	struct packet packet = {.traced = traced};
	const struct generation *generation;
	const struct service *service = NULL;
	const struct control *control;
	__u64 hash, source;
	enum reason reason;
	struct real *real;
	bool new_flow;
	__u32 live, index;
	__u16 slot;

	reason = parse_network(ctx, &packet);
	if (reason != GO_ON)
		return leave(traced, reason);
	control = find_control();
	live = control ? READ_ONCE(control->live) : 0;
	generation = control ? generation_of(control, live) : NULL;
	if (!generation)
		return leave(traced, PASS_NO_DOCUMENT);
	if (!is_known_vlan(generation, &packet))
		return leave(traced, PASS_UNKNOWN_VLAN);
	note_flow(&packet);
	if (!may_be_vip(generation, &packet))
		return leave(traced, PASS_NOT_VIP);

	reason = packet.ipv6 ? parse_ipv6(&packet) : parse_ipv4(&packet);
	note_flow(&packet);
	if (reason == GO_ON)
		service = find_service(generation, &packet);
	if (!service)
		return look_closer(ctx, live);
	note(traced, TRACE_SERVICE, service->id);
	if (is_blocked(control, &packet))
		return leave(traced, DROP_BLOCKED);

	hash = flow_hash(&packet, hashed_ports(&packet), generation->seed);
	if (service->flags & SERVICE_STICKY)
		hash = flow_hash(&packet, 0, generation->seed);
	reason = find_owner(service, hash, traced, &slot, &index, &real);
	if (reason != GO_ON)
		return leave(traced, reason);
	new_flow = packet.syn;
	if (!is_plain(service, slot, real)) {
		__u64 answer = ask_flows(generation, service, packet.ip, hash,
					 packet.ports_be | (__u64)slot << 32 | (__u64)packet.ipv6 << 48 |
						 (__u64)(packet.protocol == IPPROTO_TCP) << 49 |
						 (__u64)packet.syn << 50);
		index = answer;
		new_flow = answer >> 32;
		real = index ? bpf_map_lookup_elem(&reals, &index) : NULL;
		if (!real)
			return leave(traced, DROP_NO_REAL);
	} else {
		note(traced, TRACE_FAST, 0);
	}
	note(traced, TRACE_REAL, index);

	source = source_of(&packet);
	reason = deliver(ctx, &packet, real);
	if (reason != GO_ON)
		return leave(traced, reason);
	count_forwarded(&packet, index, source, new_flow);
	if (is_sampled(control, hash) && !packet.syn)
		note_session(session_key(hash, hashed_ports(&packet)), index, real->id, packet.fin);
	return send(ctx, real, traced);
}

SEC("xdp")
int vc5(struct xdp_md *ctx)
{
	__u64 began = is_timed() ? bpf_ktime_get_ns() : 0;
	int verdict;

	if (tracing) {
		begin_trace(ctx);
		verdict = process(ctx, true);
		end_trace(ctx, verdict);
	} else {
		verdict = process(ctx, false);
	}
	if (began)
		count_time(bpf_ktime_get_ns() - began);
	return verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
