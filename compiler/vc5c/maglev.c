/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loop of vc5c/maglev.py, which documents the algorithm and has the same in Python.
 */
#include <stdint.h>

#define EMPTY 0xffff

/* maglev.py refuses a library of another version. */
uint32_t maglev_version(void)
{
	return 1;
}

/* Fill `slots` (size of them, all EMPTY) with indexes of reals. next[i]: where real i's permutation stands,
 * at first its offset; skip[i]: its step; both below size, which is a prime. At least one weight is not 0.
 */
void maglev_fill(uint32_t size, uint32_t reals, uint32_t *next, const uint32_t *skip, const uint32_t *weight,
		 uint16_t *slots)
{
	uint32_t heaviest = 0, filled = 0;

	for (uint32_t i = 0; i < reals; i++)
		if (weight[i] > heaviest)
			heaviest = weight[i];

	for (uint64_t round = 0;; round++) {
		for (uint32_t i = 0; i < reals; i++) {
			uint64_t turns = (round + 1) * weight[i] / heaviest - round * weight[i] / heaviest;
			uint32_t slot = next[i];

			if (!turns)
				continue;
			while (slots[slot] != EMPTY) {
				slot += skip[i];
				if (slot >= size)
					slot -= size;
			}
			slots[slot] = (uint16_t)i;
			slot += skip[i];
			next[i] = slot >= size ? slot - size : slot;
			if (++filled == size)
				return;
		}
	}
}
