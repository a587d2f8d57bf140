// SPDX-License-Identifier: Apache-2.0
/*
 * Both ends of the wire on which the program is proved live. `generate` makes frames, at one end of a veth; the
 * program under test sends them back from the other end; `judge` says whether each came to the right real.
 *
 * A frame carries what the judge must know of it: its flow in the source address, and when it was made.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LENGTH4 66 /* Ethernet 14, IPv4 20, TCP 20, data 12 */
#define LENGTH6 86
#define SOURCE4_AT 26 /* the last four bytes of the source address */
#define SOURCE6_AT 34
#define TCP4_AT 34
#define TCP6_AT 54
#define FLAGS_AT 13 /* in the TCP header */
#define STAMP_AT 20 /* behind it */
#define SYN 2
#define ACK 16
#define ESTABLISHED                                                                                          \
	10 /* first byte of the last four of a source: one of the known flows, its number behind it */
#define SPOOFED 172
#define REALS 256 /* by the last byte of their MAC */

/* What to make. Flows take turns, of either family; `flood` of 256 frames are SYNs of flows that are none. */
struct plan {
	__u64 made;
	__u64 random;
	__u32 flows; /* of each family */
	__u32 flood;
	__u64 flooded;
	__u64 idle_ns; /* as long as this flows are remembered */
	__u8 flags;    /* of the known flows' segments */
	__u8 pad[7];
	__u8 frame4[72];
	__u8 frame6[88];
};

/* Since when (CLOCK_MONOTONIC) a real must not get a flow's first packet, or any packet; 0: it may. */
struct ban {
	__u64 first;
	__u64 any;
};

enum found {
	RECEIVED, /* frames that came back */
	BANNED,   /* … at a real that must not have them */
	BROKEN,   /* … at another real than the flow's */
	TORN,     /* … with a MAC that no real ever had */
	RESTED,   /* … of a flow that had been idle for longer than flows are remembered */
	FOUND,
};

/* Of the first frame that was wrong. */
struct fault {
	__u64 what; /* enum found; 0: none */
	__u64 made_ns;
	__u32 source;
	__u32 real;
	__u32 flags;
	__u32 home;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, REALS);
	__type(key, __u32);
	__type(value, struct ban);
} bans SEC(".maps");

/* A known flow's real: learned from its first packet without SYN, and anew after a rest of a flow lifetime. */
struct home {
	__u64 last_ns; /* when its last packet was made; 0: not seen yet */
	__u64 real;
};

/* By flow * 2, and 1 more for IPv6. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct home);
} homes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FOUND);
	__type(key, __u32);
	__type(value, __u64);
} found SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fault);
} faults SEC(".maps");

static __always_inline __u64 next_random(struct plan *plan)
{
	__u64 x = plan->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	plan->random = x;
	return x;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u32 zero = 0, source;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	void *data = (void *)(long)ctx->data, *tcp;
	void *end = (void *)(long)ctx->data_end;
	__u64 random, now = bpf_ktime_get_ns();
	bool six, spoofed;

	if (!plan || !plan->flows || data + LENGTH6 > end)
		return XDP_ABORTED;
	random = next_random(plan);
	spoofed = ((random >> 8) & 0xff) < plan->flood;
	six = plan->made & 1;
	source = (plan->made >> 1) % plan->flows | ESTABLISHED << 24;
	if (spoofed) {
		source = SPOOFED << 24 | ((random >> 32) & 0xffffff);
		six = random & 1;
		plan->flooded++;
	} else {
		plan->made++;
	}
	if (six) {
		__builtin_memcpy(data, plan->frame6, LENGTH6);
		*(__be32 *)(data + SOURCE6_AT) = bpf_htonl(source);
		tcp = data + TCP6_AT;
	} else {
		__builtin_memcpy(data, plan->frame4, LENGTH4);
		*(__be32 *)(data + SOURCE4_AT) = bpf_htonl(source);
		tcp = data + TCP4_AT;
	}
	if (spoofed)
		*(__be16 *)tcp = random >> 16;
	*(__u8 *)(tcp + FLAGS_AT) = spoofed ? SYN : plan->flags;
	__builtin_memcpy(tcp + STAMP_AT, &now, sizeof(now));
	return XDP_TX;
}

static __always_inline void count(enum found what)
{
	__u32 key = what;
	__u64 *counter = bpf_map_lookup_elem(&found, &key);

	if (counter)
		(*counter)++;
}

static __always_inline void complain(enum found what, const struct fault *fault)
{
	__u32 zero = 0;
	struct fault *first = bpf_map_lookup_elem(&faults, &zero);

	count(what);
	if (!first || first->what)
		return;
	*first = *fault;
	first->what = what;
}

/* Known flows stay where they were first. */
static __always_inline void check_home(struct fault *fault, bool six, __u64 idle_ns)
{
	__u32 key = (fault->source & 0xffffff) * 2 + six;
	struct home *home = bpf_map_lookup_elem(&homes, &key);

	if (!home)
		return;
	fault->home = home->real;
	if (home->last_ns && fault->made_ns - home->last_ns > idle_ns) {
		count(RESTED);
		home->last_ns = 0;
	}
	if (!home->last_ns)
		home->real = fault->real;
	else if (home->real != fault->real)
		complain(BROKEN, fault);
	home->last_ns = fault->made_ns;
}

SEC("xdp")
int judge(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *tcp;
	void *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	struct fault fault = {};
	__u8 *mac = data;
	struct ban *ban;
	bool six;

	if (!plan || data + LENGTH6 > end)
		return XDP_DROP;
	six = mac[12] == 0x86 && mac[13] == 0xdd;
	if (!six && (mac[12] != 8 || mac[13]))
		return XDP_DROP;
	tcp = data + (six ? TCP6_AT : TCP4_AT);
	if (tcp + STAMP_AT + 8 > end)
		return XDP_DROP;
	count(RECEIVED);
	fault.source = bpf_ntohl(*(__be32 *)(data + (six ? SOURCE6_AT : SOURCE4_AT)));
	fault.real = mac[5];
	fault.flags = *(__u8 *)(tcp + FLAGS_AT);
	__builtin_memcpy(&fault.made_ns, tcp + STAMP_AT, sizeof(fault.made_ns));
	if (mac[0] != 2 || mac[1] != mac[2] || mac[1] != mac[3] || mac[1] != mac[4])
		complain(TORN, &fault);
	ban = bpf_map_lookup_elem(&bans, &fault.real);
	if (ban && ((ban->any && fault.made_ns > ban->any) ||
		    ((fault.flags & (SYN | ACK)) == SYN && ban->first && fault.made_ns > ban->first)))
		complain(BANNED, &fault);
	if (fault.source >> 24 == ESTABLISHED && !(fault.flags & SYN))
		check_home(&fault, six, plan->idle_ns);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
