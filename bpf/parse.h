/* SPDX-License-Identifier: Apache-2.0
 *
 * From bytes to a packet. Contract of every parser: it checks that its header lies whole before the end
 * of the frame, moves the cursor behind it, and returns it; or returns NULL and leaves the cursor.
 */
#ifndef VC5_PARSE_H
#define VC5_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "stats.h"

#define IP_FRAGMENT_BITS 0x3fff /* more fragments, and the offset (RFC 791) */

struct cursor {
	void *pos;
	void *end;
};

/* IEEE 802.1Q: what follows the MAC addresses' end of a tagged frame, behind the tag's own ethertype. */
struct vlan_tag {
	__be16 tci_be; /* priority 3 bits, drop eligible 1 bit, VLAN id 12 bits */
	__be16 eth_proto_be;
};

struct packet {
	struct ethhdr *eth;
	struct vlan_tag *tag; /* NULL: untagged */
	struct iphdr *ip;
	__u32 bytes; /* of the frame as received */
	__u8 protocol;
	bool syn; /* TCP with SYN and without ACK: a flow's first packet */
	struct flow_key4 flow;
};

static __always_inline struct ethhdr *parse_ethernet(struct cursor *cursor)
{
	struct ethhdr *eth = cursor->pos;

	if ((void *)(eth + 1) > cursor->end)
		return NULL;
	cursor->pos = eth + 1;
	return eth;
}

static __always_inline struct vlan_tag *parse_vlan(struct cursor *cursor)
{
	struct vlan_tag *tag = cursor->pos;

	if ((void *)(tag + 1) > cursor->end)
		return NULL;
	cursor->pos = tag + 1;
	return tag;
}

/* Only the fixed part; the cursor moves behind that, not behind the options. */
static __always_inline struct iphdr *parse_ipv4(struct cursor *cursor)
{
	struct iphdr *ip = cursor->pos;

	if ((void *)(ip + 1) > cursor->end || ip->version != 4 || ip->ihl < 5)
		return NULL;
	cursor->pos = ip + 1;
	return ip;
}

static __always_inline struct tcphdr *parse_tcp(struct cursor *cursor)
{
	struct tcphdr *tcp = cursor->pos;

	if ((void *)(tcp + 1) > cursor->end)
		return NULL;
	cursor->pos = tcp + 1;
	return tcp;
}

static __always_inline struct udphdr *parse_udp(struct cursor *cursor)
{
	struct udphdr *udp = cursor->pos;

	if ((void *)(udp + 1) > cursor->end)
		return NULL;
	cursor->pos = udp + 1;
	return udp;
}

/* Ethernet, at most one VLAN tag, and IPv4's fixed header: all that it takes to know the destination.
 * A second tag leaves no IPv4 behind the first, so QinQ passes as not IP. */
static __always_inline enum reason parse_network(struct cursor *cursor, struct packet *packet)
{
	__be16 eth_proto_be;

	packet->bytes = cursor->end - cursor->pos;
	packet->eth = parse_ethernet(cursor);
	if (!packet->eth)
		return PASS_NOT_IP;
	if (packet->eth->h_dest[0] & 1)
		return PASS_NOT_UNICAST;

	eth_proto_be = packet->eth->h_proto;
	packet->tag = NULL;
	if (eth_proto_be == bpf_htons(ETH_P_8021Q) || eth_proto_be == bpf_htons(ETH_P_8021AD)) {
		packet->tag = parse_vlan(cursor);
		if (!packet->tag)
			return PASS_NOT_IP;
		eth_proto_be = packet->tag->eth_proto_be;
	}
	if (eth_proto_be != bpf_htons(ETH_P_IP))
		return PASS_NOT_IP;
	packet->ip = parse_ipv4(cursor);
	return packet->ip ? GO_ON : PASS_NOT_IP;
}

/* The ports and the SYN. A fault found here is one only if the packet is for a VIP: what is the
 * host's is the host's to judge. The frame may be longer than the IP packet (padding), never shorter. */
static __always_inline enum reason parse_transport(struct cursor *cursor, struct packet *packet)
{
	struct iphdr *ip = packet->ip;
	__u32 header = ip->ihl * 4;
	__u32 total = bpf_ntohs(ip->tot_len);
	__u32 payload = total - header;

	/* Lengths compared, not pointers: Linux 6.1's verifier takes a swapped number for unbounded. */
	if (total < header || total > cursor->end - (void *)ip)
		return DROP_MALFORMED;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_BITS))
		return DROP_FRAGMENT;

	packet->protocol = ip->protocol;
	packet->flow.saddr_be = ip->saddr;
	packet->flow.daddr_be = ip->daddr;
	packet->syn = false;
	cursor->pos = (void *)ip + header;
	if (packet->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = parse_tcp(cursor);

		if (!tcp || tcp->doff < 5 || tcp->doff * 4 > payload)
			return DROP_MALFORMED;
		packet->flow.sport_be = tcp->source;
		packet->flow.dport_be = tcp->dest;
		packet->syn = tcp->syn && !tcp->ack;
	} else if (packet->protocol == IPPROTO_UDP) {
		struct udphdr *udp = parse_udp(cursor);

		if (!udp || bpf_ntohs(udp->len) < sizeof(*udp) || bpf_ntohs(udp->len) > payload)
			return DROP_MALFORMED;
		packet->flow.sport_be = udp->source;
		packet->flow.dport_be = udp->dest;
	} else {
		return DROP_PROTOCOL;
	}
	return GO_ON;
}

#endif
