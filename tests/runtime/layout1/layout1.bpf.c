// SPDX-License-Identifier: Apache-2.0
/* The maps of layout 1, as vc5d 0.1 pinned them, and a program in place of the one that read them: it sends every
 * frame back, so that a test sees whether it still runs. Frozen, as what is pinned on hosts is. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

struct service_key4 {
	__be32 addr_be;
	__be16 port_be;
	__u8 protocol, pad;
};

struct service4 {
	struct service_key4 key;
	__u64 pad[2];
	__u32 id, flags, slots_line, table_size, reals_base, first_line, first_size, pad2;
	__u64 first_seed;
};

struct real {
	__u64 link;
	__u32 id;
	__u8 state, pad1[3];
	__u32 service, ifindex;
	__u8 addr[16];
	__u64 pad2[3];
};

struct slots_line {
	__u16 slot[32];
};

struct flow_key4 {
	__be32 saddr_be, daddr_be;
	__be16 sport_be, dport_be;
};

struct flow {
	__u64 last_ns;
	__u32 hash, real_id, real, pad;
};

struct real_counters {
	__u64 packets, bytes, flows;
};

struct generation {
	__u64 seed, flow_lifetime_ns, index4_salt;
	__u32 index4_buckets, index4_size, displacements4_line, services4_base;
	__u64 pad[7];
	__u8 digest[32];
};

struct control {
	__u32 layout, live;
	__u64 pad[7];
	struct generation generation[2];
};

#define ARRAY(NAME, TYPE)                                                                                    \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                            \
		__uint(map_flags, BPF_F_MMAPABLE);                                                           \
		__uint(max_entries, 1);                                                                      \
		__type(key, __u32);                                                                          \
		__type(value, TYPE);                                                                         \
	} NAME SEC(".maps")

#define COUNTERS(NAME, TYPE, ENTRIES)                                                                        \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                     \
		__uint(max_entries, ENTRIES);                                                                \
		__type(key, __u32);                                                                          \
		__type(value, TYPE);                                                                         \
	} NAME SEC(".maps")

#define FLOWS(NAME)                                                                                          \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_LRU_HASH);                                                         \
		__uint(max_entries, 4096);                                                                   \
		__type(key, struct flow_key4);                                                               \
		__type(value, struct flow);                                                                  \
	} NAME SEC(".maps")

ARRAY(control, struct control);
ARRAY(displacements4, struct slots_line);
ARRAY(services4, struct service4);
ARRAY(slots, struct slots_line);
ARRAY(reals, struct real);
ARRAY(service_states, __u64);
ARRAY(accepting, struct slots_line);
COUNTERS(real_counters, struct real_counters, 1);
COUNTERS(reasons, __u64, 13);
FLOWS(flows4_tcp);
FLOWS(flows4_syn);
FLOWS(flows4_udp);

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

SEC("xdp") int vc5(struct xdp_md *ctx)
{
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
