/* SPDX-License-Identifier: Apache-2.0
 *
 * Fragments: a datagram's first one has the ports, the later ones follow it to its real, or go nowhere.
 */
#ifndef VC5_FRAGMENT_H
#define VC5_FRAGMENT_H

#include "flows.h"

#define FRAGMENT_LIFETIME_NS 5000000000LL

static __always_inline struct fragment_key4 fragment_key4(const struct question *q)
{
	return (struct fragment_key4){.saddr_be = q->key.key4.saddr_be,
				      .daddr_be = q->key.key4.daddr_be,
				      .id_be = q->fragment_be,
				      .protocol = q->protocol};
}

static __always_inline void fill_key6(struct fragment_key6 *key, const struct question *q)
{
	__builtin_memcpy(key, q->key.words, offsetof(struct fragment_key6, id_be));
	key->id_be = q->fragment_be;
}

/* The real that took the datagram's first fragment, if that is not long ago and the real lives. */
__noinline int find_fragment(const struct question *q)
{
	struct fragment_key6 key6;
	struct fragment_key4 key4;
	struct fragment *first;
	struct real *real;
	__u32 index;

	if (!q)
		return NO_REAL;
	if (q->ipv6) {
		fill_key6(&key6, q);
		first = bpf_map_lookup_elem(&fragments6, &key6);
	} else {
		key4 = fragment_key4(q);
		first = bpf_map_lookup_elem(&fragments4, &key4);
	}
	/* Another CPU may have written it since this one read its clock. */
	if (!first || (__s64)(bpf_ktime_get_coarse_ns() - first->first_ns) > FRAGMENT_LIFETIME_NS)
		return NO_REAL;
	index = first->real;
	real = bpf_map_lookup_elem(&reals, &index);
	if (!real || real->id != first->real_id || !is_alive(READ_ONCE(real->state) & REAL_STATE_MASK))
		return NO_REAL;
	return index;
}

/* q's index took the first one. */
__noinline int keep_fragment(const struct question *q, __u32 real_id)
{
	struct fragment first = {.first_ns = bpf_ktime_get_coarse_ns(), .real_id = real_id};
	struct fragment_key6 key6;
	struct fragment_key4 key4;

	if (!q)
		return 0;
	first.real = q->index;
	if (q->ipv6) {
		fill_key6(&key6, q);
		bpf_map_update_elem(&fragments6, &key6, &first, BPF_ANY);
	} else {
		key4 = fragment_key4(q);
		bpf_map_update_elem(&fragments4, &key4, &first, BPF_ANY);
	}
	return 0;
}

#endif
