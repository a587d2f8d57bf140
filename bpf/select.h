/* SPDX-License-Identifier: Apache-2.0
 *
 * From a service to one of its reals: slots, states, and choosing for a new flow.
 */
#ifndef VC5_SELECT_H
#define VC5_SELECT_H

#include "index.h"

/* No index: every block of reals begins after it. */
#define NO_REAL 0

/* The slot at `index` of the table that begins at `line`. User space writes slots of live tables, each by
 * a single store. False: the maps contradict each other. */
static __always_inline bool read_slot(__u32 line, __u32 index, __u16 *slot)
{
	struct slots_line *found;

	line += index / SLOTS_PER_LINE;
	found = bpf_map_lookup_elem(&slots, &line);
	if (!found)
		return false;
	*slot = READ_ONCE(found->slot[index % SLOTS_PER_LINE]);
	return true;
}

static __always_inline enum slot_state slot_state(__u16 slot)
{
	return slot >> SLOT_STATE_SHIFT;
}

static __always_inline __u32 slot_real(const struct service *service, __u16 slot)
{
	return service->reals_base + (slot & SLOT_REAL_MASK);
}

static __always_inline bool is_alive(enum real_state state)
{
	return state == REAL_ACCEPTING || state == REAL_DRAINING;
}

/* The flow's slot and its owner, as every packet asks. */
static __always_inline enum reason find_owner(const struct service *service, __u64 hash, bool traced,
					      __u16 *slot, __u32 *index, struct real **real)
{
	__u32 at = hash_to_index(hash, service->table_size);

	note(traced, TRACE_HASH, hash);
	if (!read_slot(service->slots_line, at, slot))
		return DROP_INTERNAL;
	note(traced, TRACE_SLOT, (__u64)at << 16 | *slot);
	*index = slot_real(service, *slot);
	*real = bpf_map_lookup_elem(&reals, index);
	if (!*real)
		return DROP_INTERNAL;
	note(traced, TRACE_OWNER, (__u64)*index << 8 | (*real)->state);
	return GO_ON;
}

/* Whether the fast path answers, without a question to the flow tables. */
static __always_inline bool is_plain(const struct service *service, __u16 slot, const struct real *owner)
{
	return slot_state(slot) == SLOT_CLEAR && READ_ONCE(owner->state) == REAL_ACCEPTING &&
	       !(service->flags & SERVICE_TRACK_FULL);
}

/* The real that the published list gives to this hash: asked when every probe met one that does not
 * accept, so that one real left among a thousand is still found. */
static __always_inline __u32 choose_from_list(const struct service *service, __u64 hash)
{
	__u32 id = service->id, line, count, index;
	struct service_state *state = bpf_map_lookup_elem(&service_states, &id);
	struct slots_line *list;
	__u64 published;

	if (!state)
		return NO_REAL;
	published = READ_ONCE(state->accepting);
	count = published & 0xffff;
	if (!count)
		return NO_REAL;
	index = hash_to_index(rehash(hash, PROBE_OF_THE_LIST), count);
	line = (published >> 16) + index / SLOTS_PER_LINE;
	list = bpf_map_lookup_elem(&accepting, &line);
	return list ? service->reals_base + list->slot[index % SLOTS_PER_LINE] : NO_REAL;
}

/* A new flow's real, or NO_REAL. Probe 0 is the slot's owner; each further probe is a slot drawn anew, so
 * that the flows of a real that does not accept spread over the others by weight, and every load balancer
 * with the same document and the same health agrees. Least connections goes on to a second real that
 * accepts, and takes the one with the smaller load. */
__noinline __u32 choose(const struct service *service, __u64 hash)
{
	__u32 first = NO_REAL, load = 0;

	if (!service)
		return NO_REAL;
	for (__u32 probe = 0; probe <= PROBE_LAST; probe++) {
		__u64 probed = probe ? rehash(hash, probe) : hash;
		__u32 at = hash_to_index(probed, service->table_size), index;
		struct real *real;
		__u16 slot;

		if (!read_slot(service->slots_line, at, &slot))
			return NO_REAL;
		index = slot_real(service, slot);
		real = bpf_map_lookup_elem(&reals, &index);
		if (!real || (READ_ONCE(real->state) & REAL_STATE_MASK) != REAL_ACCEPTING || index == first)
			continue;
		note(tracing, TRACE_PROBE, (__u64)probe << 48 | (__u64)at << 24 | index);
		if (!(service->flags & SERVICE_LEASTCONN))
			return index;
		if (first) {
			note(tracing, TRACE_LOADS, (__u64)load << 32 | real->load);
			return READ_ONCE(real->load) < load ? index : first;
		}
		first = index;
		load = READ_ONCE(real->load);
	}
	if (first)
		return first;
	first = choose_from_list(service, hash);
	note(tracing, TRACE_LIST, first);
	return first;
}

#endif
