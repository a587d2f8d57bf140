// SPDX-License-Identifier: Apache-2.0
/* Loses one UDP datagram in ten that comes in (there is no netem on every kernel). */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int lose(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) ||
	    ip.protocol != IPPROTO_UDP)
		return TC_ACT_OK;
	return bpf_get_prandom_u32() % 10 ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Apache-2.0";
