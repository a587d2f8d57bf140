/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops of vc5c/maglev.py, which documents the algorithm and has the same in Python. No state, no
 * allocation: any number of threads may call at once.
 */
#include <stdint.h>

#define EMPTY 0xffff

/* maglev.py refuses a library of another version. */
uint32_t maglev_version(void)
{
	return 2;
}

static uint64_t little_endian_64(const uint8_t *bytes)
{
	uint64_t number = 0;

	for (int i = 7; i >= 0; i--)
		number = number << 8 | bytes[i];
	return number;
}

/* Fill `slots` (size of them) with indexes of reals. hashes: 16 bytes per real, offset's and skip's; weight: at
 * least one is not 0; scratch: 2 * reals words; size: a prime, at least 2, below 2^31.
 */
void maglev_fill(uint32_t size, uint32_t reals, const uint8_t *hashes, const uint32_t *weight,
		 uint32_t *scratch, uint16_t *slots)
{
	uint32_t *next = scratch, *skip = scratch + reals, heaviest = 0, filled = 0;

	for (uint32_t i = 0; i < reals; i++) {
		next[i] = (uint32_t)(little_endian_64(hashes + 16 * i) % size);
		skip[i] = (uint32_t)(little_endian_64(hashes + 16 * i + 8) % (size - 1)) + 1;
		if (weight[i] > heaviest)
			heaviest = weight[i];
	}
	for (uint32_t slot = 0; slot < size; slot++)
		slots[slot] = EMPTY;

	for (uint64_t round = 0;; round++) {
		for (uint32_t i = 0; i < reals; i++) {
			uint32_t slot = next[i];

			/* The heaviest's turn comes every round: without weights nothing is divided. */
			if (weight[i] != heaviest &&
			    (round + 1) * weight[i] / heaviest == round * weight[i] / heaviest)
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

/* The highest of the slots: a table is sound if it is below the number of reals. */
uint32_t maglev_highest(uint32_t size, const uint16_t *slots)
{
	uint16_t highest = 0;

	for (uint32_t slot = 0; slot < size; slot++)
		if (slots[slot] > highest)
			highest = slots[slot];
	return highest;
}

/* Base64 (RFC 4648, section 4) of `length` bytes: 4 * ceil(length / 3) characters, no zero at the end. */
void maglev_base64(uint32_t length, const uint8_t *bytes, uint8_t *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t whole = length - length % 3;

	for (uint32_t i = 0; i < whole; i += 3, text += 4) {
		uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];

		text[0] = digits[group >> 18];
		text[1] = digits[group >> 12 & 63];
		text[2] = digits[group >> 6 & 63];
		text[3] = digits[group & 63];
	}
	if (whole < length) {
		uint32_t second = length - whole == 2 ? bytes[whole + 1] : 0;
		uint32_t group = (uint32_t)bytes[whole] << 16 | second << 8;

		text[0] = digits[group >> 18];
		text[1] = digits[group >> 12 & 63];
		text[2] = length - whole == 2 ? digits[group >> 6 & 63] : '=';
		text[3] = '=';
	}
}
