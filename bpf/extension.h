/* SPDX-License-Identifier: Apache-2.0
 *
 * IPv6 extension headers (RFC 8200, section 4). A global function: the verifier looks at it once and by itself,
 * so that the many ways through a chain of headers do not multiply those of the rest.
 */
#ifndef VC5_EXTENSION_H
#define VC5_EXTENSION_H

#include "parse.h"

#define EXTENSIONS 6      /* at most so many are walked */
#define WALK_MASK 0x7fff  /* more than two chains are long: 2 * (6 * 2048 + 54); the verifier wants a bound */
#define IP6_OFFSET 0xfff8 /* RFC 8200: a fragment's offset, in bytes … */
#define IP6_MORE_FRAGMENTS 1

/* Where a walk is, in bytes from the frame's begin. */
struct walk {
	__u32 at;
	__u32 end;       /* of the IP packet */
	__u8 protocol;   /* of the header at `at` */
	bool fragment;   /* a fragment header was met … */
	bool fragmented; /* … that is of more than one fragment … */
	__u8 pad;
	__be32 id_be; /* … with this id */
};

static __always_inline bool is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS ||
	       protocol == IPPROTO_FRAGMENT;
}

/* What the fragment header says: SEE_FRAGMENT, a later one. One of a single fragment says nothing (RFC 6946). */
static __always_inline enum reason read_fragment(struct walk *walk, const __u8 *header)
{
	__u32 offset = bpf_ntohs(*(__be16 *)(header + 2));

	walk->fragment = true;
	if (!(offset & (IP6_OFFSET | IP6_MORE_FRAGMENTS)))
		return GO_ON;
	walk->fragmented = true;
	walk->id_be = *(__be32 *)(header + 4);
	return offset & IP6_OFFSET ? SEE_FRAGMENT : GO_ON;
}

/* Moves behind one header. */
static __always_inline enum reason walk_one(const struct xdp_md *ctx, struct walk *walk)
{
	__u8 *header = (void *)(long)ctx->data + (walk->at & WALK_MASK);
	enum reason reason = GO_ON;
	__u32 length = 8;

	if (walk->protocol == IPPROTO_FRAGMENT && walk->fragment)
		return DROP_PROTOCOL;
	if (walk->at + length > walk->end || (void *)header + length > (void *)(long)ctx->data_end)
		return DROP_MALFORMED;
	if (walk->protocol == IPPROTO_FRAGMENT)
		reason = read_fragment(walk, header);
	else
		length = (header[1] + 1) * 8;
	if (walk->at + length > walk->end)
		return DROP_MALFORMED;
	if (walk->protocol == IPPROTO_ROUTING && header[3]) /* segments left */
		return DROP_PROTOCOL;
	walk->protocol = header[0];
	walk->at += length;
	return reason;
}

/* Walks until the header of another protocol, or of what comes in a later fragment (SEE_FRAGMENT). */
__noinline int walk_extensions(struct xdp_md *ctx, struct walk *walk)
{
	if (!walk)
		return DROP_INTERNAL;
	for (int headers = 0; headers < EXTENSIONS; headers++) {
		enum reason reason;

		if (!is_extension(walk->protocol))
			return GO_ON;
		reason = walk_one(ctx, walk);
		if (reason != GO_ON)
			return reason;
	}
	return is_extension(walk->protocol) ? DROP_PROTOCOL : GO_ON;
}

#endif
