/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the service: the live generation, and its perfect hash (docs/document.md) in two array lookups.
 */
#ifndef VC5_INDEX_H
#define VC5_INDEX_H

#include "hash.h"
#include "maps.h"

#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))

/* The live generation, or NULL. Asked once a packet, so that a packet sees one whole document. */
static __always_inline struct generation *live_generation(void)
{
	__u32 zero = 0, live;
	struct control *words = bpf_map_lookup_elem(&control, &zero);

	if (!words)
		return NULL;
	live = READ_ONCE(words->live);
	if (live == 1)
		return &words->generation[0];
	return live == 2 ? &words->generation[1] : NULL;
}

/* The entry whose key is exactly this one, or NULL. */
static __always_inline struct service4 *find_key4(const struct generation *generation,
						  struct service_key4 *key)
{
	const struct index *index = &generation->index4;
	__u64 word, hash;
	__u32 bucket, line, position;
	struct slots_line *found_line;
	struct service4 *found;

	if (!index->size)
		return NULL;
	__builtin_memcpy(&word, key, sizeof(word));
	hash = fmix64(word + index->salt);
	bucket = hash & (index->buckets - 1);
	line = index->displacements_line + bucket / SLOTS_PER_LINE;
	found_line = bpf_map_lookup_elem(&displacements, &line);
	if (!found_line)
		return NULL;
	position = (hash >> 20) + found_line->slot[bucket % SLOTS_PER_LINE] * ((hash >> 42) | 1);
	position = index->services_base + (position & (index->size - 1));
	found = bpf_map_lookup_elem(&services4, &position);
	return found && *(__u64 *)&found->key == word ? found : NULL;
}

static __always_inline struct service *find_service4(const struct generation *generation,
						     const struct flow_key4 *flow, __u8 protocol)
{
	struct service_key4 key = {
		.addr_be = flow->daddr_be, .port_be = flow->dport_be, .protocol = protocol};
	struct service4 *found = find_key4(generation, &key);

	return found ? &found->service : NULL;
}

/* Every VIP is in the index by its bare address too. The flag tells it from an empty position, whose
 * key is that of 0.0.0.0. */
static __always_inline bool is_vip4(const struct generation *generation, __be32 addr_be)
{
	struct service_key4 key = {.addr_be = addr_be};
	struct service4 *found = find_key4(generation, &key);

	return found && found->service.flags & SERVICE_VIP;
}

#endif
