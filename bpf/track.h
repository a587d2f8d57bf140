/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows that the tables cannot answer for: the state table of bpf/DESIGN.md. Only packets come here whose
 * slot is not clear, whose owner does not plainly accept, or whose service tracks every flow.
 */
#ifndef VC5_TRACK_H
#define VC5_TRACK_H

#include "select.h"

/* An entry is touched when its clock is wrong by more than this part of the lifetime: a packet of a
 * tracked flow reads its entry's cache line, but seldom writes it. */
#define TOUCH_SHIFT 8

/* A packet as tracking sees it. */
struct question {
	const struct service *service;
	const struct generation *generation;
	struct flow_key4 key;
	__u64 hash;
	__u16 slot;
	bool tcp;
	bool syn;
	bool stored; /* answer: an entry was written */
};

/* What the flow tables know: at most one living entry, and whether any entry at all is there. */
struct memory {
	struct flow *entry; /* not expired, but its real may be gone */
	bool half_open;     /* found among flows that have not yet shown a packet without SYN */
	bool any;           /* also an expired one */
	__u64 now;
};

static __always_inline bool is_expired(const struct question *q, const struct memory *memory,
				       const struct flow *entry)
{
	/* Another CPU may have written a later time since this one read its clock. */
	return entry->last_ns < memory->now && memory->now - entry->last_ns > q->generation->flow_lifetime_ns;
}

static __always_inline void accept_entry(const struct question *q, struct memory *memory, struct flow *entry)
{
	if (!entry)
		return;
	memory->any = true;
	barrier_var(
		memory->any); /* else clang joins the tests by an OR of pointers, which the verifier refuses */
	if (!is_expired(q, memory, entry))
		memory->entry = entry;
}

static __always_inline void recall(const struct question *q, struct memory *memory)
{
	memory->entry = NULL;
	memory->half_open = memory->any = false;
	memory->now = bpf_ktime_get_coarse_ns();
	if (!q->tcp) {
		accept_entry(q, memory, bpf_map_lookup_elem(&flows4_udp, &q->key));
		return;
	}
	accept_entry(q, memory, bpf_map_lookup_elem(&flows4_tcp, &q->key));
	if (memory->entry)
		return;
	accept_entry(q, memory, bpf_map_lookup_elem(&flows4_syn, &q->key));
	memory->half_open = !!memory->entry;
}

static __always_inline void forget(const struct question *q)
{
	if (!q->tcp) {
		bpf_map_delete_elem(&flows4_udp, &q->key);
		return;
	}
	bpf_map_delete_elem(&flows4_tcp, &q->key);
	bpf_map_delete_elem(&flows4_syn, &q->key);
}

/* Leaves exactly one entry for the flow, in the table where it belongs. */
static __always_inline void store(struct question *q, const struct memory *memory, __u32 index)
{
	struct real *real = bpf_map_lookup_elem(&reals, &index);
	struct flow flow = {.last_ns = memory->now, .hash = q->hash >> 32};

	if (!real)
		return;
	flow.real_id = real->id;
	flow.real = index - q->service->reals_base;
	q->stored = true;
	if (!q->tcp) {
		bpf_map_update_elem(&flows4_udp, &q->key, &flow, BPF_ANY);
	} else if (q->syn) {
		if (memory->any)
			bpf_map_delete_elem(&flows4_tcp, &q->key);
		bpf_map_update_elem(&flows4_syn, &q->key, &flow, BPF_ANY);
	} else {
		if (memory->any)
			bpf_map_delete_elem(&flows4_syn, &q->key);
		bpf_map_update_elem(&flows4_tcp, &q->key, &flow, BPF_ANY);
	}
}

/* A packet met its entry: the entry lives on, among the established flows if the packet is not a SYN. */
static __always_inline void touch(struct question *q, const struct memory *memory, __u32 index)
{
	struct flow *entry = memory->entry;

	if (memory->half_open && !q->syn) {
		store(q, memory, index);
		return;
	}
	if ((__s64)(memory->now - entry->last_ns) > (__s64)(q->generation->flow_lifetime_ns >> TOUCH_SHIFT))
		entry->last_ns = memory->now;
	if (entry->hash != (__u32)(q->hash >> 32)) /* the seed changed since */
		entry->hash = q->hash >> 32;
}

/* The entry's real if it is still the one that was meant, not another that took over its index. */
static __always_inline __u32 entry_real(const struct question *q, const struct flow *entry,
					enum real_state *state)
{
	__u32 index = q->service->reals_base + entry->real;
	struct real *real = bpf_map_lookup_elem(&reals, &index);

	if (!real || !entry->real_id || real->id != entry->real_id)
		return NO_REAL;
	*state = READ_ONCE(real->state) & REAL_STATE_MASK;
	return index;
}

/* The answer of the service's table at the start of the transition, or NO_REAL. */
static __always_inline __u32 previous_owner(const struct question *q)
{
	const struct service *service = q->service;
	__u64 hash;
	__u16 slot;

	if (!service->first_size)
		return NO_REAL;
	hash = flow_hash4(&q->key, q->tcp ? IPPROTO_TCP : IPPROTO_UDP, service->first_seed);
	if (!read_slot(service->first_line, hash_to_index(hash, service->first_size), &slot))
		return NO_REAL;
	return slot_real(service, slot);
}

/* The state table. Returns the real's index, or NO_REAL. */
static __noinline __u32 track(struct question *q)
{
	const struct service *service = q->service;
	bool full = service->flags & SERVICE_TRACK_FULL;
	enum slot_state slot = slot_state(q->slot);
	__u32 owner = slot_real(service, q->slot), index;
	enum real_state state = REAL_ABSENT;
	struct memory memory;

	if (service->flags & SERVICE_TRACK_MINIMAL)
		return choose(service, q->hash);

	recall(q, &memory);
	if (memory.entry) {
		index = entry_real(q, memory.entry, &state);
		if (index && (state == REAL_ACCEPTING || (state == REAL_DRAINING && !q->syn))) {
			touch(q, &memory, index);
			return index;
		}
	}
	if (q->syn || (full && !q->tcp)) {
		index = choose(service, q->hash);
		if (index && (index != owner || slot == SLOT_TRANSITION || full))
			store(q, &memory, index);
		else if (memory.any)
			forget(q);
		return index;
	}
	if (slot == SLOT_TRANSITION) {
		index = previous_owner(q);
		if (index && is_alive(real_state(index))) {
			if (!memory.entry)
				store(q, &memory, index);
			return index;
		}
	}
	return is_alive(real_state(owner)) ? owner : choose(service, q->hash);
}

#endif
