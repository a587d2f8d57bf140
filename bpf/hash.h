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

#define GOLDEN 0x9e3779b97f4a7c15ULL /* 2^64 by the golden ratio */
#define MIXER 0xd6e8feb86659fd93ULL

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

/* `addresses`: source, and destination in the upper half. `ports`: source port, destination port, protocol, 16
 * bits each from the lowest; 0: not hashed. */
static __always_inline __u64 flow_hash4(__u64 addresses, __u64 ports, __u64 seed)
{
	return fmix64((addresses ^ seed) * GOLDEN + ports * MIXER);
}

static __always_inline __u64 flow_hash6(const __u64 *saddr, const __u64 *daddr, __u64 ports, __u64 seed)
{
	__u64 x = fmix64((saddr[0] ^ seed) * GOLDEN + saddr[1]);
	__u64 y = daddr[0] * MIXER + daddr[1];

	return fmix64((x ^ y) * GOLDEN + ports * MIXER);
}

/* A service's key as the perfect hash takes it; `tail`: port and protocol, 16 bits each. */
static __always_inline __u64 service_word4(__be32 addr_be, __u64 tail)
{
	return addr_be | tail << 32;
}

static __always_inline __u64 service_word6(const __u64 *addr, __u64 tail)
{
	return fmix64(fmix64(addr[0]) + addr[1]) ^ tail << 32;
}

/* The address's bit in a filter of VIPs. */
static __always_inline __u32 vip_bit4(__be32 addr_be)
{
	return addr_be * GOLDEN >> FILTER_SHIFT;
}

static __always_inline __u32 vip_bit6(const __u64 *addr)
{
	return (addr[0] * GOLDEN + addr[1]) * GOLDEN >> FILTER_SHIFT;
}

static __always_inline __u64 rehash(__u64 hash, __u32 probe)
{
	return fmix64(hash + probe * GOLDEN);
}

/* Scales the upper half of a hash to 0 … size-1 without a division. */
static __always_inline __u32 hash_to_index(__u64 hash, __u32 size)
{
	return (hash >> 32) * size >> 32;
}

/* Flows with equal addresses of a sticky service have one hash: their sessions differ by the ports. */
static __always_inline __u64 session_key(__u64 hash, __u64 ports)
{
	return hash + ports * GOLDEN;
}

#endif
