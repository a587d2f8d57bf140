// SPDX-License-Identifier: Apache-2.0
/* The maps of LAYOUT 2 or 3, as older versions pinned them, and a program in place of the one that read them: it
 * sends every frame back, so that a test sees whether it still runs. Frozen, as what is pinned on hosts is; of
 * records only the sizes are said. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define BYTES(NAME, SIZE)                                                                                    \
	struct NAME {                                                                                        \
		__u64 word[(SIZE) / 8];                                                                      \
	}

#define MAP(NAME, TYPE, FLAGS, ENTRIES, KEY, VALUE)                                                          \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_##TYPE);                                                           \
		__uint(map_flags, FLAGS);                                                                    \
		__uint(max_entries, ENTRIES);                                                                \
		__type(key, KEY);                                                                            \
		__type(value, VALUE);                                                                        \
	} NAME SEC(".maps")

BYTES(line, 64);
BYTES(control_value, 5440);
BYTES(three_words, 24);
BYTES(two_words, 16);

struct key12 {
	__u32 word[3];
};

struct key36 {
	__u32 word[9];
};

struct key20 {
	__u32 word[5];
};

MAP(control, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct control_value);
MAP(displacements, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct line);
MAP(services4, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct line);
MAP(services6, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct line);
MAP(slots, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct line);
MAP(reals, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct line);
MAP(service_states, ARRAY, BPF_F_MMAPABLE, 1, __u32, __u64);
MAP(accepting, ARRAY, BPF_F_MMAPABLE, 1, __u32, struct line);
MAP(prefixes4, ARRAY, BPF_F_MMAPABLE, 1048576, __u32, __u64);
MAP(blocked4_bits, ARRAY, BPF_F_MMAPABLE, 16384, __u32, __u64);
MAP(real_counters, PERCPU_ARRAY, 0, 1, __u32, struct three_words);
#if LAYOUT == 2
MAP(reasons, PERCPU_ARRAY, 0, 21, __u32, __u64);
#else
MAP(reasons, PERCPU_ARRAY, 0, 24, __u32, __u64);
MAP(tunnel_sources, ARRAY, BPF_F_MMAPABLE, 256, __u32, struct two_words);
#endif
MAP(flows4_tcp, LRU_HASH, 0, 4096, struct key12, struct three_words);
MAP(flows4_syn, LRU_HASH, 0, 4096, struct key12, struct three_words);
MAP(flows4_udp, LRU_HASH, 0, 4096, struct key12, struct three_words);
MAP(flows6_tcp, LRU_HASH, 0, 4096, struct key36, struct three_words);
MAP(flows6_syn, LRU_HASH, 0, 4096, struct key36, struct three_words);
MAP(flows6_udp, LRU_HASH, 0, 4096, struct key36, struct three_words);
MAP(sessions, LRU_HASH, 0, 4096, __u64, struct two_words);
MAP(fragments4, LRU_HASH, 0, 4096, struct key12, struct two_words);
MAP(fragments6, LRU_HASH, 0, 4096, struct key36, struct two_words);
MAP(prefixes6, LRU_HASH, 0, 4096, __u64, __u64);
MAP(blocked4, LPM_TRIE, BPF_F_NO_PREALLOC, 64, __u64, __u64);
MAP(blocked6, LPM_TRIE, BPF_F_NO_PREALLOC, 64, struct key20, __u64);

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
