/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the service: the live generation, and its perfect hash (docs/document.md) in two array lookups; and the
 * packet's flow hash.
 */
#ifndef VC5_INDEX_H
#define VC5_INDEX_H

#include "hash.h"
#include "trace.h"

#define VIP_TAIL 0 /* of a bare VIP's key: no port, no protocol */

static __always_inline const struct control *find_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

/* By the number in `live`, which is read once a packet, so that a packet sees one whole document. NULL: none. */
static __always_inline const struct generation *generation_of(const struct control *control, __u32 live)
{
	if (live == 1)
		return &control->generation[0];
	return live == 2 ? &control->generation[1] : NULL;
}

/* False for most of what is not for a VIP, by one bit. */
static __always_inline bool may_be_vip(const struct generation *generation, const struct packet *packet)
{
	__u32 bit;

	if (packet->ipv6) {
		bit = vip_bit6(words(&ip6(packet)->daddr));
		return generation->vips6[bit / WORD_BITS] >> bit % WORD_BITS & 1;
	}
	bit = vip_bit4(ip4(packet)->daddr);
	return generation->vips4[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

/* Where the key of this word is, if it is anywhere. False: the maps contradict each other. */
static __always_inline bool find_position(const struct index *index, __u64 word, __u32 *position)
{
	__u64 hash = fmix64(word + index->salt);
	__u32 bucket = hash & (index->buckets - 1);
	__u32 line = index->displacements_line + bucket / SLOTS_PER_LINE;
	struct slots_line *found = bpf_map_lookup_elem(&displacements, &line);

	if (!found)
		return false;
	*position = (hash >> 20) + found->slot[bucket % SLOTS_PER_LINE] * ((hash >> 42) | 1);
	*position = index->services_base + (*position & (index->size - 1));
	return true;
}

/* The entry whose key is exactly this one, or NULL. */
static __always_inline const struct service *find_key4(const struct generation *generation, __be32 addr_be,
						       __u64 tail)
{
	__u64 word = service_word4(addr_be, tail);
	struct service4 *found;
	__u32 position;

	if (!generation->index4.size || !find_position(&generation->index4, word, &position))
		return NULL;
	found = bpf_map_lookup_elem(&services4, &position);
	return found && *(__u64 *)&found->key == word ? &found->service : NULL;
}

static __always_inline const struct service *find_key6(const struct generation *generation, const __u64 *addr,
						       __u64 tail)
{
	struct service6 *found;
	const __u64 *key;
	__u32 position;

	if (!generation->index6.size ||
	    !find_position(&generation->index6, service_word6(addr, tail), &position))
		return NULL;
	found = bpf_map_lookup_elem(&services6, &position);
	if (!found)
		return NULL;
	key = (const __u64 *)&found->key;
	return key[0] == addr[0] && key[1] == addr[1] && key[2] == tail ? &found->service : NULL;
}

/* The same, not inlined: for all but the first look of the fast path. */
static __noinline const struct service *find_again4(const struct generation *generation, __be32 addr_be,
						    __u64 tail)
{
	return find_key4(generation, addr_be, tail);
}

static __noinline const struct service *find_again6(const struct generation *generation, const __u64 *addr,
						    __u64 tail)
{
	return find_key6(generation, addr, tail);
}

/* The service of a plain TCP or UDP packet, or NULL. */
static __always_inline const struct service *find_service(const struct generation *generation,
							  const struct packet *packet)
{
	__u64 tail = hashed_ports(packet) >> 16, any_port = tail & ~0xffffULL;
	const struct service *service = packet->ipv6 ? find_key6(generation, words(&ip6(packet)->daddr), tail)
						     : find_key4(generation, ip4(packet)->daddr, tail);

	if (service) {
		note(packet->traced, TRACE_SERVICE, service->id);
		return service;
	}
	if (packet->ipv6 && generation->flags & GENERATION_ANY_PORT6)
		service = find_again6(generation, words(&ip6(packet)->daddr), any_port);
	if (!packet->ipv6 && generation->flags & GENERATION_ANY_PORT4)
		service = find_again4(generation, ip4(packet)->daddr, any_port);
	if (service)
		note(packet->traced, TRACE_ANY_PORT, service->id);
	return service;
}

/* `ports`: hashed_ports(), or 0 of a sticky service. */
static __always_inline __u64 flow_hash(const struct packet *packet, __u64 ports, __u64 seed)
{
	if (packet->ipv6)
		return flow_hash6(words(&ip6(packet)->saddr), words(&ip6(packet)->daddr), ports, seed);
	return flow_hash4(addresses4(packet->ip), ports, seed);
}

#endif
