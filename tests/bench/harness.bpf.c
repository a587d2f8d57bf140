// SPDX-License-Identifier: Apache-2.0
/*
 * Puts the packet back before every run and tail-calls the target: a test run's own repetitions would see
 * what the one before left. The cost of this is measured with `trivial` for a target, and subtracted: slice by
 * slice of a plan that goes by turns, since the machine may be another's for some milliseconds of every hundred.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME4 66 /* Ethernet 14, IPv4 20, TCP with timestamps 32 */
#define FRAME6 86 /* the same with IPv6's 40 */
#define TAG 4
#define LONGEST (FRAME6 + TAG)
#define SLICE_SHIFT 13 /* a slice has so many packets, as a power of two: half a millisecond */
#define SLICES 128     /* … of which even ones are the harness's alone */
#define SOURCE4_AT 26  /* in an untagged frame: IPv4's source address … */
#define DESTINATION4_AT 30
#define SPORT4_AT 34
#define DPORT4_AT 36
#define SOURCE6_AT 34 /* … the last 4 bytes of IPv6's … */
#define DESTINATION6_AT 50
#define SPORT6_AT 54 /* … and TCP's source port */

/* What to send. `flow_mask`: flows are numbered 0 … flow_mask, met at random or one after the other.
 * `services`: they have consecutive addresses, met at random; 1: as the frame has it. `by_turns`: in slices. */
struct plan {
	__u64 state; /* of the random numbers, or the counter */
	__u32 flow_mask;
	__u32 services;
	__u8 sequential;
	__u8 tagged;
	__u8 six;
	__u8 by_turns;
	__u8 pad[4];
	__u8 frame[96];
	__u64 packets; /* so far */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* `trivial`. A map of its own, for a call that is a plain jump. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} alone SEC(".maps");

/* When each slice began; nanoseconds. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLICES);
	__type(key, __u32);
	__type(value, __u64);
} times SEC(".maps");

/* Marsaglia's xorshift64, and the counter beside it. */
static __always_inline __u64 next_number(struct plan *plan)
{
	__u64 x = plan->state;

	if (plan->sequential) {
		plan->state = x + 1;
		return x << 20;
	}
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	plan->state = x;
	return x;
}

/* Copies the frame in, untagged length `length`, with this flow and service in its addresses. */
static __always_inline int put(struct xdp_md *ctx, struct plan *plan, int length, int source, int destination,
			       int sport)
{
	__u64 number = next_number(plan);
	__u32 flow = (number >> 20) & plan->flow_mask, tag = plan->tagged ? TAG : 0;
	int excess = ctx->data_end - ctx->data - length - tag;
	void *data, *end;

	if (bpf_xdp_adjust_head(ctx,
				excess)) /* also by nothing: else only those that grow would pay for it */
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + length > end)
		return -1;
	__builtin_memcpy(data, plan->frame, length);
	if (tag) {
		if (data + length + TAG > end)
			return -1;
		__builtin_memcpy(data + length, plan->frame + length, TAG);
		data += TAG;
	}
	*(__be32 *)(data + source) = bpf_htonl(0x0a000000 | (flow & 0xffffff));
	*(__be16 *)(data + sport) = bpf_htons(0x8000 | flow >> 24);
	if (plan->services > 1) {
		__be32 *address = data + destination;

		*address = bpf_htonl(bpf_ntohl(*address) + (__u32)((number >> 32) * plan->services >> 32));
	}
	return 0;
}

static __noinline void note_time(__u32 slice)
{
	__u64 *time = bpf_map_lookup_elem(&times, &slice);

	if (time)
		*time = bpf_ktime_get_ns();
}

SEC("xdp")
int restore(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	__u64 packets;
	int result;

	if (!plan)
		return XDP_ABORTED;
	if (plan->six)
		result = put(ctx, plan, FRAME6, SOURCE6_AT, DESTINATION6_AT, SPORT6_AT);
	else
		result = put(ctx, plan, FRAME4, SOURCE4_AT, DESTINATION4_AT, SPORT4_AT);
	/* A packet comes from a NIC, not out of this CPU's store buffer, where a load that spans two stores
	 * waits for both: an atomic operation empties it. */
	packets = __sync_fetch_and_add(&plan->packets, 1);
	if (result)
		return XDP_ABORTED;
	if (plan->by_turns) {
		if (!(packets & ((1 << SLICE_SHIFT) - 1)))
			note_time(packets >> SLICE_SHIFT);
		if (!(packets >> SLICE_SHIFT & 1))
			bpf_tail_call_static(ctx, &alone, 0);
	}
	bpf_tail_call_static(ctx, &target, 0);
	return XDP_ABORTED;
}

/* The harness alone. */
SEC("xdp")
int trivial(struct xdp_md *ctx)
{
	return XDP_TX;
}

/* The least that any forwarder does. */
SEC("xdp")
int swap_macs(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u16 mac[6];

	if (data + 14 > end)
		return XDP_DROP;
	__builtin_memcpy(mac, data, 12);
	__builtin_memcpy(data, mac + 3, 6);
	__builtin_memcpy(data + 6, mac, 6);
	return XDP_TX;
}

/* Services, found in two ways and by nothing else: as docs/document.md's index finds them, and in a hash map. */
struct key {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct service {
	struct key key;
	__u64 rest[7];
};

struct line {
	__u16 displacement[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct line);
} displacements SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct service);
} positions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct key);
	__type(value, struct service);
} services SEC(".maps");

/* One entry and the same key each time: what a hit costs when no memory is waited for. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, struct service);
} recent SEC(".maps");

/* Of the perfect hash; in a map, since that is where the program reads its own. */
struct sizes {
	__u64 salt;
	__u32 buckets;
	__u32 positions;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sizes);
} sizes SEC(".maps");

static __always_inline bool read_key(struct xdp_md *ctx, struct key *key)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if (data + FRAME4 > end)
		return false;
	key->address = *(__be32 *)(data + DESTINATION4_AT);
	key->port = *(__be16 *)(data + DPORT4_AT);
	key->protocol = *(__u8 *)(data + 23);
	key->pad = 0;
	return true;
}

static __always_inline __u64 fmix64(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

SEC("xdp")
int lookup_perfect(struct xdp_md *ctx)
{
	struct key key = {};
	__u32 zero = 0, at;
	struct sizes *index = bpf_map_lookup_elem(&sizes, &zero);
	struct service *found;
	struct line *line;
	__u64 word, k;

	if (!index || !read_key(ctx, &key))
		return XDP_ABORTED;
	__builtin_memcpy(&word, &key, sizeof(word));
	k = fmix64(word + index->salt);
	at = (k & (index->buckets - 1)) >> 5;
	line = bpf_map_lookup_elem(&displacements, &at);
	if (!line)
		return XDP_ABORTED;
	at = ((k >> 20) + line->displacement[k & 31] * ((k >> 42) | 1)) & (index->positions - 1);
	found = bpf_map_lookup_elem(&positions, &at);
	if (!found || *(__u64 *)&found->key != word)
		return XDP_DROP;
	return found->rest[0] ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int lookup_hash(struct xdp_md *ctx)
{
	struct key key = {};
	struct service *found;

	if (!read_key(ctx, &key))
		return XDP_ABORTED;
	found = bpf_map_lookup_elem(&services, &key);
	return found && found->rest[0] ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int lookup_lru(struct xdp_md *ctx)
{
	struct key key = {};
	struct service *found;

	if (!read_key(ctx, &key))
		return XDP_ABORTED;
	found = bpf_map_lookup_elem(&recent, &key);
	return found && found->rest[0] ? XDP_TX : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
