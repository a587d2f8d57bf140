/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows that the tables cannot answer for: the state table of bpf/DESIGN.md. Only packets come here whose
 * slot is not clear, whose owner does not plainly accept, or whose service tracks every flow.
 */
#ifndef VC5_TRACK_H
#define VC5_TRACK_H

#include "flows.h"

/* An entry is touched when its clock is wrong by more than this part of the lifetime: a packet of a
 * tracked flow reads its entry's cache line, but seldom writes it. */
#define TOUCH_SHIFT 8
/* Others may be about to forget a flow that was quiet for longer than this part of its lifetime. */
#define QUIET_SHIFT 2

/* What the flow tables know: at most one living entry, and whether any entry at all is there. */
struct memory {
	struct flow *entry; /* not expired, but its real may be gone */
	bool half_open;     /* found among flows that have not yet shown a packet without SYN */
	bool any;           /* also an expired one */
	__u64 now;
	union flow_key key;
};

static __always_inline bool is_expired(const struct question *q, const struct memory *memory,
				       const struct flow *entry)
{
	/* Another CPU may have written a later time since this one read its clock. */
	return entry->last_ns < memory->now && memory->now - entry->last_ns > q->lifetime_ns;
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
	memory->key = q->key;
	memory->entry = NULL;
	memory->half_open = memory->any = false;
	memory->now = bpf_ktime_get_coarse_ns();
	if (!q->tcp) {
		accept_entry(q, memory, look_up(q, &memory->key, FLOWS_UDP));
		return;
	}
	accept_entry(q, memory, look_up(q, &memory->key, FLOWS_TCP));
	if (memory->entry)
		return;
	accept_entry(q, memory, look_up(q, &memory->key, FLOWS_SYN));
	memory->half_open = !!memory->entry;
}

static __always_inline void forget(const struct question *q, const struct memory *memory)
{
	note(tracing, TRACE_FORGOTTEN, 0);
	if (!q->tcp) {
		take_out(q, &memory->key, FLOWS_UDP);
	} else {
		take_out(q, &memory->key, FLOWS_TCP);
		take_out(q, &memory->key, FLOWS_SYN);
	}
	tell(q, &memory->key, 0, memory->now);
}

/* Leaves exactly one entry for the flow, in the table where it belongs. False: nothing was changed, since
 * inserts are limited. */
static __always_inline bool store(struct question *q, const struct service *service,
				  const struct memory *memory, __u32 index)
{
	enum flow_table table = !q->tcp ? FLOWS_UDP : q->syn ? FLOWS_SYN : FLOWS_TCP;
	struct real *real = bpf_map_lookup_elem(&reals, &index);
	struct flow flow = {.last_ns = memory->now, .hash = q->hash >> 32};

	if (!real || !may_store(q, table, memory->now))
		return false;
	flow.real_id = real->id;
	flow.real = index - service->reals_base;
	note(tracing, TRACE_STORED, table);
	put(q, &memory->key, table, &flow);
	if (q->tcp && memory->any)
		take_out(q, &memory->key, q->syn ? FLOWS_TCP : FLOWS_SYN);
	if (table != FLOWS_SYN) /* a flood of SYNs is told to nobody */
		tell(q, &memory->key, flow.real_id, memory->now);
	q->stored = true;
	return true;
}

/* A packet met its entry: the entry lives on, among the established flows if the packet is not a SYN. */
static __always_inline void touch(struct question *q, const struct service *service,
				  const struct memory *memory, __u32 index)
{
	struct flow *entry = memory->entry;
	__s64 quiet = memory->now - entry->last_ns;

	if (memory->half_open && !q->syn && store(q, service, memory, index))
		return;
	if (quiet > (__s64)(q->lifetime_ns >> QUIET_SHIFT) && !memory->half_open)
		tell(q, &memory->key, entry->real_id, memory->now);
	if (quiet > (__s64)(q->lifetime_ns >> TOUCH_SHIFT)) {
		entry->last_ns = memory->now;
		entry->peer = 0; /* from now on it is this load balancer that tells of it */
	}
	if (entry->hash != (__u32)(q->hash >> 32)) /* the seed changed since */
		entry->hash = q->hash >> 32;
}

/* enum real_state without the consult bit; REAL_ABSENT for an index that is none. */
static __always_inline enum real_state real_state(__u32 index)
{
	struct real *real = bpf_map_lookup_elem(&reals, &index);

	return real ? READ_ONCE(real->state) & REAL_STATE_MASK : REAL_ABSENT;
}

/* The entry's real if it is still the one that was meant, not another that took over its index. */
static __always_inline __u32 entry_real(const struct service *service, const struct flow *entry,
					enum real_state *state)
{
	__u32 index = service->reals_base + entry->real;
	struct real *real = bpf_map_lookup_elem(&reals, &index);

	if (!real || !entry->real_id || real->id != entry->real_id)
		return NO_REAL;
	*state = READ_ONCE(real->state) & REAL_STATE_MASK;
	return index;
}

/* The answer of the service's table at the start of the transition, or NO_REAL. */
static __always_inline __u32 previous_owner(const struct question *q, const struct service *service)
{
	__u64 hash;
	__u16 slot;

	if (!service->first_size)
		return NO_REAL;
	hash = key_hash(q, service->first_seed, service->first_flags);
	if (!read_slot(service->first_line, hash_to_index(hash, service->first_size), &slot))
		return NO_REAL;
	return slot_real(service, slot);
}

static __always_inline __u32 choose_noted(const struct service *service, __u64 hash)
{
	__u32 index = choose(service, hash);

	note(tracing, TRACE_CHOSEN, index);
	return index;
}

/* A new flow's real, which is remembered where the table would answer otherwise: rows 3 and 4. */
static __always_inline __u32 choose_new(struct question *q, const struct service *service,
					const struct memory *memory, __u32 owner)
{
	__u32 index = choose_noted(service, q->hash);

	if (index && (index != owner || slot_state(q->slot) == SLOT_TRANSITION ||
		      service->flags & SERVICE_TRACK_FULL)) {
		note(tracing, TRACE_ROW, 3);
		store(q, service, memory, index);
	} else {
		note(tracing, TRACE_ROW, 4);
		if (memory->any)
			forget(q, memory);
	}
	return index;
}

/* The state table. Returns the real's index, or NO_REAL. */
__noinline __u32 track(struct question *q, const struct service *service)
{
	enum real_state state = REAL_ABSENT;
	struct memory memory;
	__u32 owner, index;

	if (!q || !service) /* never: but the verifier looks at this function by itself */
		return NO_REAL;
	owner = slot_real(service, q->slot);
	if (service->flags & SERVICE_TRACK_MINIMAL)
		return choose_noted(service, q->hash);

	recall(q, &memory);
	if (memory.entry) {
		index = entry_real(service, memory.entry, &state);
		if (index && (state == REAL_ACCEPTING || (state == REAL_DRAINING && !q->syn))) {
			note(tracing, TRACE_ENTRY,
			     (__u64)index << 8 | (!q->tcp ? FLOWS_UDP : memory.half_open));
			note(tracing, TRACE_ROW, q->syn ? 2 : 1);
			if (!q->reading)
				touch(q, service, &memory, index);
			return index;
		}
	}
	note(tracing, memory.any ? TRACE_ENTRY_GONE : TRACE_NO_ENTRY, 0);
	if (q->syn || (!q->tcp && !q->reading && service->flags & SERVICE_TRACK_FULL))
		return choose_new(q, service, &memory, owner);
	if (slot_state(q->slot) == SLOT_TRANSITION) {
		index = previous_owner(q, service);
		state = real_state(index);
		note(tracing, TRACE_PREVIOUS_OWNER, (__u64)index << 8 | state);
		if (index && is_alive(state)) {
			note(tracing, TRACE_ROW, memory.entry ? 6 : 5);
			if (!memory.entry && !q->reading)
				store(q, service, &memory, index);
			return index;
		}
	}
	if (is_alive(real_state(owner))) {
		note(tracing, TRACE_ROW, 7);
		return owner;
	}
	note(tracing, TRACE_ROW, 8);
	return choose_noted(service, q->hash);
}

/* A packet for track(), in one argument of ask_flows(). */
union asked {
	__u64 word;
	struct {
		__be32 ports_be;
		__u16 slot;
		__u8 protocol;
		__u8 ipv6 : 1, syn : 1, live : 2;
	};
};

/* Not the fast path: what the flow tables say. The real's index, or NO_REAL; in the upper half, whether the flow is
 * new. A function of its own, since a question on balance()'s stack would leave too little for look_closer()'s. */
static __noinline __u64 ask_flows(struct xdp_md *ctx, const struct service *service, void *ip, __u64 hash,
				  __u64 word)
{
	union asked asked = {.word = word};
	struct packet packet = {.ip = ip, .ipv6 = asked.ipv6, .ports_be = asked.ports_be};
	const struct control *control = find_control();
	const struct generation *generation = control ? generation_of(control, asked.live) : NULL;
	struct question q = {
		.hash = hash, .slot = asked.slot, .tcp = asked.protocol == IPPROTO_TCP, .syn = asked.syn};
	__u32 index;

	/* Linux 6.1's verifier has forgotten which family it was. */
	if (!generation || (packet.ipv6 && ip + sizeof(struct ipv6hdr) > (void *)(long)ctx->data_end))
		return NO_REAL;
	q.lifetime_ns = generation->flow_lifetime_ns;
	q.inserts = control->inserts;
	q.tells = control->tells;
	fill_key(&q, &packet);
	index = track(&q, service);
	return index | (__u64)(q.syn || (!q.tcp && q.stored)) << 32;
}

#endif
