/* SPDX-License-Identifier: Apache-2.0
 *
 * What load balancers say to each other is lost on its way, by tc at the switch's ports: one in ten, or all.
 * It is told by its UDP port.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SHARING_PORT 9999 /* as in tests/lab/failover/config.yaml's variants */

static __always_inline int is_shared(struct __sk_buff *skb, int tcp_too)
{
	struct iphdr ip;
	__be16 ports[2];

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return 0;
	if (ip.protocol != IPPROTO_UDP && !(tcp_too && ip.protocol == IPPROTO_TCP))
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + ip.ihl * 4, ports, sizeof(ports)))
		return 0;
	return ports[1] == bpf_htons(SHARING_PORT) || ports[0] == bpf_htons(SHARING_PORT);
}

SEC("tc/lossy")
int lossy(struct __sk_buff *skb)
{
	if (is_shared(skb, 0) && bpf_get_prandom_u32() % 10 == 0)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

SEC("tc/split")
int split(struct __sk_buff *skb)
{
	return is_shared(skb, 1) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Apache-2.0";
