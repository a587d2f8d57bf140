/* SPDX-License-Identifier: Apache-2.0
 *
 * ICMP and ICMPv6 to a VIP: echo requests are answered here, errors go to the real whose flow they are about.
 */
#ifndef VC5_ICMP_H
#define VC5_ICMP_H

#include <linux/icmpv6.h>

#include "extension.h"
#include "flows.h"

/* RFC 792. linux/icmp.h would need the C library's headers for this machine. */
enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
};

#define ND_FIRST 133 /* RFC 4861: router solicitation … */
#define ND_LAST 137  /* … to redirect */
#define ANSWER_TTL 64
#define INNER_BYTES 8 /* of the inner packet's TCP or UDP: RFC 792 promises no more */

enum icmp_flags {
	ICMP_EXTENDED = 1, /* the packet has IPv4 options or IPv6 extension headers */
	ICMP_VIP_UP = 2,   /* its VIP is up */
};

struct icmp {
	__u8 type;
	__u8 code;
	__be16 check_be;
	__be32 rest_be;
};

static __always_inline bool is_error(bool ipv6, __u8 type)
{
	if (ipv6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

/* Can nobody be at the source address? This host, loopback, groups and beyond; the VIP itself. */
static __always_inline bool is_unanswerable(bool ipv6, const void *source, const void *destination)
{
	const __u64 *saddr = source, *daddr = destination;
	__u8 first = *(__u8 *)source;

	if (ipv6)
		return (!saddr[0] && !(saddr[1] & ~bpf_cpu_to_be64(1))) || first == 0xff ||
		       (saddr[0] == daddr[0] && saddr[1] == daddr[1]);
	return first == 0 || first == 127 || first >= 224 || *(__u32 *)source == *(__u32 *)destination;
}

/* A one's complement sum, to 16 bits. */
static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u64 sum_address(const struct in6_addr *address)
{
	const __u32 *word = (const __u32 *)address;

	return (__u64)word[0] + word[1] + word[2] + word[3];
}

/* Takes an address out of a sum. */
static __always_inline __u64 sum_inverse(const struct in6_addr *address)
{
	const __u32 *word = (const __u32 *)address;

	return (__u64)(__u32)~word[0] + (__u32)~word[1] + (__u32)~word[2] + (__u32)~word[3];
}

/* A checksum after one of its 16-bit words changed (RFC 1624, equation 3). */
static __always_inline __u16 updated(__u16 check, __u16 before, __u16 after)
{
	__u32 sum = (__u16)~check + (__u16)~before + after;

	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void swap64(__u64 *a, __u64 *b)
{
	__u64 was = *a;

	*a = *b;
	*b = was;
}

static __always_inline void turn_around4(struct iphdr *ip)
{
	__u16 before = *(__u16 *)&ip->ttl;
	__be32 saddr_be = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = saddr_be;
	ip->ttl = ANSWER_TTL;
	ip->check = updated(ip->check, before, *(__u16 *)&ip->ttl);
}

static __always_inline void turn_around6(struct ipv6hdr *ip)
{
	__u64 *saddr = (__u64 *)&ip->saddr, *daddr = (__u64 *)&ip->daddr;

	swap64(saddr, daddr);
	swap64(saddr + 1, daddr + 1);
	ip->hop_limit = ANSWER_TTL;
}

/* The request becomes its own answer. */
static __always_inline void turn_around(const struct packet *packet, struct icmp *icmp)
{
	__u16 before = *(__u16 *)icmp;
	__u64 macs = *(__u64 *)packet->eth;
	__u32 rest = *(__u32 *)(packet->eth + 8);

	*(__u64 *)packet->eth = macs >> 48 | (__u64)rest << 16 | macs << 48;
	*(__u32 *)(packet->eth + 8) = macs >> 16;
	if (packet->ipv6)
		turn_around6(packet->ip);
	else
		turn_around4(packet->ip);
	icmp->type = packet->ipv6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;
	icmp->check_be = updated(icmp->check_be, before, *(__u16 *)icmp);
}

static __always_inline enum reason answer_echo(const struct packet *packet, struct icmp *icmp,
					       const struct question *q, bool up)
{
	const struct control *control = find_control();
	struct budget *budget;

	if (is_unanswerable(q->ipv6, q->key.words,
			    q->ipv6 ? (void *)(q->key.words + 2) : &q->key.key4.daddr_be))
		return DROP_MALFORMED;
	if (!up)
		return DROP_VIP_DOWN;
	budget = budget_of(bpf_ktime_get_coarse_ns());
	if (!control || !budget || budget->echoes >= control->echoes)
		return DROP_ECHO_LIMIT;
	budget->echoes++;
	turn_around(packet, icmp);
	return ANSWER_ECHO;
}

/* Ports of a flow in the other direction. */
static __always_inline __u32 turned(__u32 ports_be)
{
	return ports_be >> 16 | ports_be << 16;
}

/* An IPv4 packet inside an error. The parsers of inner packets put the flow that it is of, turned around, into q,
 * which has the addresses of the error. False: it is of none, not from the VIP, or cut too short. */
static __always_inline bool read_inner4(struct xdp_md *ctx, struct question *q, __u32 at, __u32 end)
{
	struct iphdr *ip = (void *)(long)ctx->data + (at & WALK_MASK);
	void *frame_end = (void *)(long)ctx->data_end, *ports;
	__u32 header, ports_be;

	if (at + sizeof(*ip) > end || (void *)(ip + 1) > frame_end)
		return false;
	header = ip->ihl * 4;
	ports = (void *)ip + header;
	if (ip->version != 4 || header < sizeof(*ip) || ip->saddr != q->key.key4.daddr_be ||
	    ip->frag_off & bpf_htons(IP_OFFSET) ||
	    (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) || at + header + INNER_BYTES > end ||
	    ports + INNER_BYTES > frame_end)
		return false;
	ports_be = *(__u32 *)ports;
	q->protocol = ip->protocol;
	q->key.words[0] = ip->daddr | (__u64)ip->saddr << 32;
	q->key.words[1] = turned(ports_be);
	return true;
}

static __always_inline bool read_inner6(struct xdp_md *ctx, struct question *q, __u32 at, __u32 end)
{
	struct ipv6hdr *ip = (void *)(long)ctx->data + (at & WALK_MASK);
	struct walk walk = {.at = at + sizeof(*ip), .end = end};
	const __u64 *saddr, *daddr;
	__u32 *ports;

	if (walk.at > end || (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return false;
	saddr = words(&ip->saddr);
	daddr = words(&ip->daddr);
	if (ip->version != 6 || saddr[0] != q->key.words[2] || saddr[1] != q->key.words[3])
		return false;
	q->key.words[0] = daddr[0];
	q->key.words[1] = daddr[1];
	walk.protocol = ip->nexthdr;
	if (walk_extensions(ctx, &walk) != GO_ON ||
	    (walk.protocol != IPPROTO_TCP && walk.protocol != IPPROTO_UDP))
		return false;
	ports = (void *)(long)ctx->data + (walk.at & WALK_MASK);
	if (walk.at + INNER_BYTES > end || (void *)ports + INNER_BYTES > (void *)(long)ctx->data_end)
		return false;
	q->protocol = walk.protocol;
	q->key.words[4] = turned(*ports);
	return true;
}

/* ICMP from `at` to `end`, in bytes from the frame's begin, in a packet whose addresses are q's. ANSWER_ECHO, a
 * reason to pass or drop, or GO_ON: an error about the flow that is then q's. `flags`: enum icmp_flags. */
__noinline int look_at_icmp(struct xdp_md *ctx, struct question *q, __u32 at, __u32 end, __u32 flags)
{
	struct icmp *icmp = (void *)(long)ctx->data + (at & WALK_MASK);
	struct packet packet = {};
	bool read;

	if (!q || at + sizeof(*icmp) > end || (void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return DROP_MALFORMED;
	if (q->ipv6 && icmp->type >= ND_FIRST && icmp->type <= ND_LAST)
		return PASS_NEIGHBOR_DISCOVERY;
	if (icmp->type == (q->ipv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST) && !icmp->code &&
	    !(flags & ICMP_EXTENDED)) {
		if (parse_network(ctx, &packet) != GO_ON)
			return DROP_INTERNAL;
		return answer_echo(&packet, icmp, q, flags & ICMP_VIP_UP);
	}
	if (!is_error(q->ipv6, icmp->type))
		return DROP_ICMP;
	q->reading = true;
	at += sizeof(*icmp);
	read = q->ipv6 ? read_inner6(ctx, q, at, end) : read_inner4(ctx, q, at, end);
	if (!read)
		return DROP_ICMP;
	q->tcp = q->protocol == IPPROTO_TCP;
	note(tracing, TRACE_ICMP_ERROR, q->protocol);
	return GO_ON;
}

#endif
