/* SPDX-License-Identifier: Apache-2.0
 *
 * VLAN devices for kernels that have none (no 8021q): a veth end stands for the VLAN, and these two programs
 * at tc push and pop the tags. The lab lays out interface indexes so that they need no configuration:
 * a trunk's index is a multiple of TRUNK, and the device of its VLAN has the trunk's index plus the VLAN id.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TRUNK 4096
#define ETH_P_8021Q 0x8100
#define VLAN_ID_MASK 0x0fff

/* Trunk, ingress: a tagged frame comes in on the VLAN's device, untagged. The kernel has already moved the
 * tag out of the frame and into the packet's metadata. */
SEC("tc/untag")
int untag(struct __sk_buff *skb)
{
	if (!skb->vlan_present)
		return TC_ACT_OK;
	__u32 vlan = skb->vlan_tci & VLAN_ID_MASK;
	if (bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex + vlan, BPF_F_INGRESS);
}

/* VLAN's device, egress: what is sent leaves by the trunk, tagged. */
SEC("tc/tag")
int tag(struct __sk_buff *skb)
{
	__u32 vlan = skb->ifindex % TRUNK;

	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), vlan))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex - vlan, 0);
}

char LICENSE[] SEC("license") = "Apache-2.0";
