// SPDX-License-Identifier: Apache-2.0
/*
 * The XDP program. Every step is a header of its own:
 *
 *   parse.h    bytes to a packet
 *   index.h    the live generation, and the service by perfect hash
 *   select.h   the slot, its owner, and choosing
 *   track.h    flows that the tables cannot answer for
 *   rewrite.h  MAC addresses, VLAN tag, and out
 *   stats.h    counters and named reasons
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "parse.h"
#include "rewrite.h"
#include "select.h"
#include "track.h"

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

/* Not the fast path: what the flow tables say. Sets the real's index; GO_ON unless there is none. */
static __always_inline __u32 ask_flows(const struct generation *generation, const struct service *service,
				       struct packet *packet, __u64 hash, __u16 slot)
{
	struct question q = {
		.service = service,
		.generation = generation,
		.key = packet->flow,
		.hash = hash,
		.slot = slot,
		.tcp = packet->protocol == IPPROTO_TCP,
		.syn = packet->syn,
	};
	__u32 index = track(&q);

	packet->syn |= !q.tcp && q.stored;
	return index;
}

static __always_inline int forward(struct xdp_md *ctx, struct packet *packet, struct real *real, __u32 index)
{
	union link link = {.word = READ_ONCE(real->link)};
	enum reason reason;

	if (!has_mac(link))
		return leave(DROP_NO_NEIGHBOR);
	if (is_at_real(packet, link))
		return leave(PASS_AT_REAL);
	reason = rewrite(ctx, packet, link);
	if (reason != GO_ON)
		return leave(reason);
	count_forwarded(index, packet->bytes, packet->syn);
	return send(ctx, real);
}

SEC("xdp")
int vc5(struct xdp_md *ctx)
{
	struct cursor cursor = {.pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end};
	struct generation *generation;
	struct service *service;
	struct packet packet;
	struct real *real;
	enum reason reason;
	__u32 index;
	__u64 hash;
	__u16 slot;

	reason = parse_network(&cursor, &packet);
	if (reason != GO_ON)
		return leave(reason);

	generation = live_generation();
	if (!generation)
		return leave(PASS_NO_DOCUMENT);

	reason = parse_transport(&cursor, &packet);
	service = reason == GO_ON ? find_service4(generation, &packet.flow, packet.protocol) : NULL;
	if (!service) {
		if (!is_vip4(generation, packet.ip->daddr))
			return leave(PASS_NOT_VIP);
		return leave(reason == GO_ON ? DROP_UNKNOWN_PORT : reason);
	}

	hash = flow_hash4(&packet.flow, packet.protocol, generation->seed);
	if (!read_slot(service->slots_line, hash_to_index(hash, service->table_size), &slot))
		return leave(DROP_INTERNAL);
	index = slot_real(service, slot);
	real = bpf_map_lookup_elem(&reals, &index);
	if (!real)
		return leave(DROP_INTERNAL);

	if (slot_state(slot) != SLOT_CLEAR || READ_ONCE(real->state) != REAL_ACCEPTING ||
	    service->flags & SERVICE_TRACK_FULL) {
		index = ask_flows(generation, service, &packet, hash, slot);
		real = index ? bpf_map_lookup_elem(&reals, &index) : NULL;
		if (!real)
			return leave(DROP_NO_REAL);
	}
	return forward(ctx, &packet, real, index);
}

char _license[] SEC("license") = "Dual BSD/GPL";
