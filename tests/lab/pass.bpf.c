/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes everything. A veth receives what its peer sends by XDP_TX only while it has a program of its own.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
