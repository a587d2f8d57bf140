// SPDX-License-Identifier: Apache-2.0
/*
 * The XDP program. Every step is a header of its own:
 *
 *   parse.h      bytes to a packet
 *   own.h        frames that were sent to other hosts
 *   index.h      the live generation, and the service by perfect hash (hash.h)
 *   block.h      source prefixes that are dropped
 *   select.h     the slot, its owner, and choosing
 *   track.h      flows that the tables cannot answer for (flows.h, budget.h)
 *   rewrite.h    MAC addresses, VLAN tag, and out
 *   encap.h      into a tunnel, to a real in another network (outer.h, mark.h, too_big.h)
 *   stats.h      counters, sessions, prefixes, time
 *   closer.h     whatever is not plain: fragment.h, extension.h, icmp.h
 *   trace.h      telling of all this, in a tracing program
 *   sharing.h    programs of the process that shares flows with other load balancers
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "closer.h"
#include "own.h"
#include "sharing.h"

/* Types that user space shares but no map's value names: a variable keeps them in BTF. Its section is
 * none that libbpf would make a map of. */
const struct shared_types {
	enum vc5_layout layout;
	enum slot_bits slot_bits;
	enum slot_state slot_state;
	enum real_state real_state;
	enum link_bits link_bits;
	enum tunnel_type tunnel_type;
	enum tunnel_bits tunnel_bits;
	enum tunnel_limits tunnel_limits;
	enum service_flags service_flags;
	enum generation_flags generation_flags;
	enum switches switches;
	enum own_macs own_macs;
	enum reason reason;
	enum filter filter;
	enum trace_limits trace_limits;
	enum trace_step trace_step;
	enum told_limits told_limits;
	enum share_drop share_drop;
	enum share_format share_format;
	struct told told;
	struct merge_call merge_call;
} shared_types SEC("shared") = {};

/* To the real, and the counters. */
static __always_inline int forward(struct xdp_md *ctx, const struct control *control, struct packet *packet,
				   __u64 hash, const struct real *real, __u32 index, bool new_flow)
{
	__u64 source = source_of(packet);
	__u64 link = READ_ONCE(real->link);
	enum reason reason;

	note(packet->traced, TRACE_REAL, index);
	note(packet->traced, TRACE_LINK, link);
	if (is_away(link))
		return forward_away(ctx, index, hash, hashed_ports(packet),
				    (new_flow ? AWAY_NEW_FLOW : 0) | (is_syn(packet) ? AWAY_SYN : 0) |
					    (is_last(packet) ? AWAY_LAST : 0));
	reason = deliver(ctx, packet, link);
	if (reason != GO_ON)
		return leave(packet->traced, reason);
	count_forwarded(packet, index, source, new_flow);
	if (is_sampled(control, hash) && !is_syn(packet))
		note_session(session_key(hash, hashed_ports(packet)), index, real->id, is_last(packet));
	return send(ctx, real, packet->traced);
}

/* A packet of one family: plain TCP and UDP of a service goes to its real, anything else gets a closer look. */
static __always_inline int balance(struct xdp_md *ctx, const struct control *control,
				   const struct generation *generation, __u32 live, struct packet *packet)
{
	const struct service *service = NULL;
	bool traced = packet->traced, new_flow;
	enum reason reason;
	struct real *real;
	__u32 index;
	__u16 slot;
	__u64 hash;

	note_flow(packet);
	if (!may_be_vip(generation, packet))
		return leave(traced, PASS_NOT_VIP);
	reason = packet->ipv6 ? parse_ipv6(packet) : parse_ipv4(packet);
	if (reason == GO_ON)
		service = find_service(generation, packet);
	if (!service)
		return look_closer(ctx, live);
	note_flow(packet);
	if (is_blocked(control, packet))
		return leave(traced, DROP_BLOCKED);

	hash = flow_hash(packet, hashed_ports(packet), generation->seed);
	if (service->flags & SERVICE_STICKY)
		hash = flow_hash(packet, 0, generation->seed);
	reason = find_owner(service, hash, traced, &slot, &index, &real);
	if (reason != GO_ON)
		return leave(traced, reason);
	new_flow = is_syn(packet);
	if (is_plain(service, slot, real)) {
		note(traced, TRACE_FAST, 0);
	} else {
		union asked asked = {.ports_be = packet->ports_be,
				     .slot = slot,
				     .protocol = packet->protocol,
				     .ipv6 = packet->ipv6,
				     .syn = new_flow,
				     .live = live};
		__u64 answer = ask_flows(ctx, service, packet->ip, hash, asked.word);

		index = answer;
		new_flow = answer >> 32;
		real = bpf_map_lookup_elem(&reals, &index);
		if (!index || !real)
			return leave(traced, DROP_NO_REAL);
	}
	return forward(ctx, control, packet, hash, real, index, new_flow);
}

/* One packet's way. Called in two places with a constant, so that the program that traces nothing has no trace
 * of it; and each family has a way of its own, with no turns on it. */
static __always_inline int process(struct xdp_md *ctx, bool traced)
{
	struct packet packet = {.traced = traced};
	const struct control *control = find_control();
	enum reason reason = parse_network(ctx, &packet);
	const struct generation *generation;
	__u32 live;

	if (reason != GO_ON)
		return leave(traced, reason);
	live = control ? READ_ONCE(control->live) : 0;
	generation = control ? generation_of(control, live) : NULL;
	if (!generation)
		return leave(traced, PASS_NO_DOCUMENT);
	if (!is_ours(ctx, control, &packet))
		return leave(traced, PASS_NOT_OURS);
	if (!is_known_vlan(generation, &packet))
		return leave(traced, PASS_UNKNOWN_VLAN);
	if (packet.ipv6) {
		packet.ipv6 = true;
		return balance(ctx, control, generation, live, &packet);
	}
	packet.ipv6 = false;
	return balance(ctx, control, generation, live, &packet);
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

/* Not loaded with the other: for a veth of vc5d's own (runtime/vc5d/health/tunnels.py). */
SEC("?xdp")
int check(struct xdp_md *ctx)
{
	return send_check(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
