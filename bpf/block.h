/* SPDX-License-Identifier: Apache-2.0
 *
 * Source prefixes that are dropped. Only traffic to VIPs: a prefix blocked by mistake must not lock the
 * operator out of the host.
 */
#ifndef VC5_BLOCK_H
#define VC5_BLOCK_H

#include "parse.h"

__noinline bool is_blocked4(__be32 saddr_be)
{
	__u32 prefix20 = bpf_ntohl(saddr_be) >> 12, word = prefix20 / WORD_BITS;
	struct prefix4 key = {.length = 32, .addr_be = saddr_be};
	__u64 *bits = bpf_map_lookup_elem(&blocked4_bits, &word);

	if (!bits || !(READ_ONCE(*bits) >> prefix20 % WORD_BITS & 1))
		return false;
	return bpf_map_lookup_elem(&blocked4, &key);
}

/* The halves of an address, as on the wire. */
__noinline bool is_blocked6(__u64 upper, __u64 lower)
{
	struct {
		__u32 pad;
		struct prefix6 prefix;
	} key = {.prefix.length = 128};

	*(__u64 *)key.prefix.addr = upper;
	*(__u64 *)(key.prefix.addr + 8) = lower;
	return bpf_map_lookup_elem(&blocked6, &key.prefix);
}

static __always_inline bool is_blocked(const struct control *control, const struct packet *packet)
{
	__u32 switches = READ_ONCE(control->switches);

	if (packet->ipv6)
		return switches & SWITCH_BLOCK6 &&
		       is_blocked6(words(&ip6(packet)->saddr)[0], words(&ip6(packet)->saddr)[1]);
	return switches & SWITCH_BLOCK4 && is_blocked4(ip4(packet)->saddr);
}

#endif
