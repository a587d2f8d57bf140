/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CPU may do in a second: a flood must not turn tables over, nor make the host a reflector at its rate.
 */
#ifndef VC5_BUDGET_H
#define VC5_BUDGET_H

#include "maps.h"

#define SECOND_SHIFT 30 /* a second is 2^30 ns wherever something is counted by it */

/* This CPU's, of the second that `now` lies in; NULL: never. */
static __always_inline struct budget *budget_of(__u64 now)
{
	__u32 zero = 0;
	struct budget *budget = bpf_map_lookup_elem(&budgets, &zero);

	if (budget && budget->second != now >> SECOND_SHIFT) {
		__builtin_memset(budget, 0, sizeof(*budget));
		budget->second = now >> SECOND_SHIFT;
	}
	return budget;
}

#endif
