/* SPDX-License-Identifier: Apache-2.0
 *
 * The hashes of docs/document.md, where they are the contract with the compiler and every other load
 * balancer: a change here is a change of the document's version. Words are little-endian loads of the
 * bytes on the wire.
 */
#ifndef VC5_HASH_H
#define VC5_HASH_H

#include "vc5.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the hashes are defined over little-endian loads"
#endif

enum choosing {
	PROBE_LAST = 8,        /* probes 0 … 8 ask the table */
	PROBE_OF_THE_LIST = 9, /* and this one picks from the published list of accepting reals */
};

/* MurmurHash3's finalizer: a bijection of 64-bit words. */
static __always_inline __u64 fmix64(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

static __always_inline __u64 flow_hash4(const struct flow_key4 *key, __u8 protocol, __u64 seed)
{
	__u64 a = key->saddr_be | (__u64)key->daddr_be << 32;
	__u64 b = key->sport_be | (__u64)key->dport_be << 16 | (__u64)protocol << 32;

	return fmix64((a ^ seed) * 0x9e3779b97f4a7c15ULL + b * 0xd6e8feb86659fd93ULL);
}

static __always_inline __u64 rehash(__u64 hash, __u32 probe)
{
	return fmix64(hash + probe * 0x9e3779b97f4a7c15ULL);
}

/* Scales the upper half of a hash to 0 … size-1 without a division. */
static __always_inline __u32 hash_to_index(__u64 hash, __u32 size)
{
	return (hash >> 32) * size >> 32;
}

#endif
