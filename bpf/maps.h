/* SPDX-License-Identifier: Apache-2.0
 *
 * The maps. Sizes given here are the least that loads; vc5d sets max_entries before it loads the object.
 *
 * Layout of one document: two halves of `services4`, `services6` and `displacements` (struct generation says where
 * each begins), while `slots` is one arena: a table that did not change keeps its lines across a flip, so
 * that applying a document costs what it changed. The design had two whole copies in maps of maps; the
 * arena needs one lookup less a packet, half the memory, and still flips by one word, since services refer
 * to tables by line and are themselves in a half.
 */
#ifndef VC5_MAPS_H
#define VC5_MAPS_H

#include "vc5.h"

/* The word that says which generation is live, and both generations' descriptions. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} control SEC(".maps");

/* Perfect hashes, first step: a displacement per bucket, 32 to a line; of both families. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct slots_line);
} displacements SEC(".maps");

/* Perfect hash, second step: the service at its position, with its key. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct service4);
} services4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct service6);
} services6 SEC(".maps");

/* Every table of both generations: 16-bit slots, 32 to a line. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slots_line);
} slots SEC(".maps");

/* Real servers, in one block per service; outlives generations. Index 0 is never used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct real);
} reals SEC(".maps");

/* Where tunnels begin: outer source addresses. Index 0 is never used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TUNNEL_SOURCES);
	__type(key, __u32);
	__type(value, struct tunnel_source);
} tunnel_sources SEC(".maps");

/* The ways of health checks through tunnels, by the number in the destination MAC that their packets have. Only the
 * program `check` has entries here: it is loaded beside the other one, with a map of its own. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct check_way);
} check_ways SEC(".maps");

/* By service id: which list of accepting reals is published. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct service_state);
} service_states SEC(".maps");

/* The lists of accepting reals (indexes into the service's block), asked when every probe met a real
 * that does not accept. Two lists a service, so that one can be written while the other is published. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slots_line);
} accepting SEC(".maps");

/* Traffic by index into `reals`: the fast path's only write. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct real_counters);
} real_counters SEC(".maps");

/* Packets by enum reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

/* Flows that the tables cannot answer for. TCP flows wait in `flows4_syn` until their first packet
 * without SYN, so that a SYN flood evicts only its like; UDP has a table of its own for the same reason. IPv4 and
 * IPv6 apart, so that IPv4 keys stay short. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key4);
	__type(value, struct flow);
} flows4_tcp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key4);
	__type(value, struct flow);
} flows4_syn SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key4);
	__type(value, struct flow);
} flows4_udp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key6);
	__type(value, struct flow);
} flows6_tcp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key6);
	__type(value, struct flow);
} flows6_syn SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key6);
	__type(value, struct flow);
} flows6_udp SEC(".maps");

/* First fragments: bounded, and an entry counts for FRAGMENT_LIFETIME_NS. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct fragment_key4);
	__type(value, struct fragment);
} fragments4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct fragment_key6);
	__type(value, struct fragment);
} fragments6 SEC(".maps");

/* The sampled flows, by flow hash. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct session);
} sessions SEC(".maps");

/* What each CPU has spent in this second. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

/* What other load balancers are to know at once: records of struct told, all of one size, so that user space reads
 * them as an array. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21);
} told_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct told_count);
} told_counts SEC(".maps");

/* Time per packet. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timing);
} timings SEC(".maps");

/* Forwarded packets by source /20, one in PREFIX_SAMPLE counted. Shared by the CPUs: a counter per CPU
 * would take 8 MB for each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1048576);
	__type(key, __u32);
	__type(value, __u64);
} prefixes4 SEC(".maps");

/* The same for IPv6, by /48: the address's upper 48 bits, in host order. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u64);
} prefixes6 SEC(".maps");

/* Source prefixes that are dropped. Most sources are told by one bit: whether any blocked prefix touches
 * their /20. 64 bits a word, 2^20 bits; only where it is set is the trie asked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} blocked4_bits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct prefix4);
	__type(value, __u64); /* 1 */
} blocked4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct prefix6);
	__type(value, __u64); /* 1 */
} blocked6 SEC(".maps");

/* Of `merge` and `gate` only (sharing.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct merge_entry);
} merge_batch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate);
} gates SEC(".maps");

/* By struct gate_node's node. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct gate_node);
} gate_nodes SEC(".maps");

/* Datagrams that were dropped, by enum share_drop. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SHARE_DROPS);
	__type(key, __u32);
	__type(value, __u64);
} gate_counts SEC(".maps");

/* Of a tracing program only; the other one has no code that touches them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACERS);
	__type(key, __u32);
	__type(value, struct trace_filter);
} trace_filters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRACERS);
	__type(key, __u32);
	__type(value, struct trace_count);
} trace_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_event);
} trace_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} trace_events SEC(".maps");

/* Never read: updating a map of maps waits for every program that may still see the old generation
 * (the kernel's maybe_wait_bpf_programs), which is the grace period of an apply. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__type(key, __u32);
			__type(value, __u32);
		});
} grace SEC(".maps");

#endif
