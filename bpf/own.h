/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a frame was sent to this host. One that a switch floods or mirrors here was not, and is passed: whom it
 * was sent to handles it, and sent on from here as well its packet would arrive twice.
 */
#ifndef VC5_OWN_H
#define VC5_OWN_H

#include "index.h"

/* The rest of them: of hosts with many. */
__noinline bool is_own(__u64 word)
{
	const struct control *control = find_control();

	if (!control)
		return true;
	for (int i = OWN_NEAR; i < OWN_MACS; i++)
		if (READ_ONCE(control->own[i]) == word)
			return true;
	return false;
}

/* Nearly every frame is for the first one, which lies in the line that each packet reads anyway. */
static __always_inline bool is_ours(struct xdp_md *ctx, const struct control *control,
				    const struct packet *packet)
{
	__u64 word = *(__u64 *)packet->eth << OWN_MAC_SHIFT;
	__u32 switches;

	if (READ_ONCE(control->own[0]) == word)
		return true;
	switches = READ_ONCE(control->switches);
	if (!(switches & SWITCH_OWN))
		return true;
	if (switches & SWITCH_OWN_BY_INTERFACE)
		word |= (__u16)ctx->ingress_ifindex;
	for (int i = 0; i < OWN_NEAR; i++)
		if (READ_ONCE(control->own[i]) == word)
			return true;
	return switches & SWITCH_OWN_MANY && is_own(word);
}

#endif
