/* SPDX-License-Identifier: Apache-2.0
 *
 * From bytes to a packet. What is plain is read here: Ethernet, a tag, the fixed IP header, TCP and UDP. The
 * rest (fragments, extension headers, ICMP) is only recognized, and left to closer.h.
 */
#ifndef VC5_PARSE_H
#define VC5_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "maps.h"

/* What a step answers that is no reason to leave. */
#define GO_ON REASONS
#define SEE_FRAGMENT (REASONS + 1)  /* IPv4: of a fragmented packet, the first or a later one */
#define SEE_EXTENSION (REASONS + 2) /* IPv6: behind the fixed header comes no protocol that is known here */
#define SEE_ICMP (REASONS + 3)
#define SEE_TOO_BIG (REASONS + 4) /* it does not fit into its tunnel */

#define IP_OFFSET 0x1fff         /* RFC 791: a fragment's offset, in 8 bytes … */
#define IP_MORE_FRAGMENTS 0x2000 /* … and whether others follow */
#define IP_DONT_FRAGMENT 0x4000

/* RFC 9293: the 16 bits from TCP's data offset on. */
#define TCP_OFFSET bpf_htons(0xf000) /* in 4 bytes */
#define TCP_FIN bpf_htons(0x0001)
#define TCP_SYN bpf_htons(0x0002)
#define TCP_RST bpf_htons(0x0004)
#define TCP_ACK bpf_htons(0x0010)

/* IEEE 802.1Q: what follows the MAC addresses' end of a tagged frame, behind the tag's own ethertype. */
struct vlan_tag {
	__be16 tci_be; /* priority 3 bits, drop eligible 1 bit, VLAN id 12 bits */
	__be16 eth_proto_be;
};

#define VLAN_ID_MASK 0x0fff

#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))

struct packet {
	void *eth;            /* struct ethhdr, which is packed: clang would read it byte by byte */
	struct vlan_tag *tag; /* NULL: untagged */
	void *ip;             /* struct iphdr or ipv6hdr */
	void *end;            /* of the frame */
	void *transport;      /* where TCP, UDP or ICMP begins … */
	__u32 length;         /* … and the bytes from there to the end of the IP packet */
	__u32 bytes;          /* of the frame as received */
	__u32 ports_be;       /* source port, and destination port behind it, as on the wire */
	__u8 protocol;
	__be16 flags_be; /* TCP's data offset and flags; 0: UDP */
	bool ipv6;     /* a constant where it can be: two straight paths, not one that turns at each step … */
	bool traced;   /* … and what asks for this is gone where it is false */
	bool extended; /* with IPv4 options or IPv6 extension headers; only closer.h asks … */
	bool fragmented;    /* … and whether it is a fragment … */
	__be32 fragment_be; /* … and of what id: 16 bits in IPv4 */
};

static __always_inline struct iphdr *ip4(const struct packet *packet)
{
	return packet->ip;
}

static __always_inline struct ipv6hdr *ip6(const struct packet *packet)
{
	return packet->ip;
}

/* As the flow hash takes them (hash.h). */
static __always_inline __u64 hashed_ports(const struct packet *packet)
{
	return packet->ports_be | (__u64)packet->protocol << 32;
}

static __always_inline __u64 addresses4(const struct iphdr *ip)
{
	return ip->saddr | (__u64)ip->daddr << 32;
}

static __always_inline const __u64 *words(const struct in6_addr *address)
{
	return (const __u64 *)address;
}

static __always_inline void copy_address(struct in6_addr *to, const struct in6_addr *from)
{
	__u64 *t = (__u64 *)to;

	t[0] = words(from)[0];
	t[1] = words(from)[1];
}

/* Ethernet, at most one VLAN tag, and a fixed IP header: all that it takes to know the destination.
 * A second tag leaves no IP behind the first, so QinQ passes as not IP. */
static __always_inline enum reason parse_network(struct xdp_md *ctx, struct packet *packet)
{
	void *pos = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__be16 eth_proto_be;

	packet->eth = pos;
	packet->end = end;
	packet->bytes = end - pos;
	packet->tag = NULL;
	pos += sizeof(struct ethhdr);
	if (pos > end)
		return PASS_NOT_IP;
	if (*(__u8 *)packet->eth & 1)
		return PASS_NOT_UNICAST;

	eth_proto_be = *(__be16 *)(packet->eth + offsetof(struct ethhdr, h_proto));
	if (eth_proto_be == bpf_htons(ETH_P_8021Q) || eth_proto_be == bpf_htons(ETH_P_8021AD)) {
		packet->tag = pos;
		pos += sizeof(struct vlan_tag);
		if (pos > end)
			return PASS_NOT_IP;
		eth_proto_be = packet->tag->eth_proto_be;
	}
	packet->ip = pos;
	packet->ipv6 = eth_proto_be == bpf_htons(ETH_P_IPV6);
	if (packet->ipv6)
		return pos + sizeof(struct ipv6hdr) <= end && *(__u8 *)pos >> 4 == 6 ? GO_ON : PASS_NOT_IP;
	if (eth_proto_be != bpf_htons(ETH_P_IP) || pos + sizeof(struct iphdr) > end)
		return PASS_NOT_IP;
	return (__u8)(*(__u8 *)pos - 0x45) <= 0x0a ? GO_ON
						   : PASS_NOT_IP; /* version 4, length 5 to 15 words */
}

/* Whether the generation knows the tag's VLAN id. Id 0, a priority without a VLAN, is always known, as is no tag. */
static __always_inline bool is_known_vlan(const struct generation *generation, const struct packet *packet)
{
	__u32 id;

	if (!packet->tag)
		return true;
	id = bpf_ntohs(packet->tag->tci_be);
	barrier_var(
		id); /* else clang masks before it swaps, and verifiers before 6.13 do not see the bound */
	id &= VLAN_ID_MASK;
	return !id || generation->vlans[id / WORD_BITS] >> id % WORD_BITS & 1;
}

/* TCP with SYN and without ACK: a flow's first packet. */
static __always_inline bool is_syn(const struct packet *packet)
{
	return (packet->flags_be & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* TCP with FIN or RST: its last, or nearly. */
static __always_inline bool is_last(const struct packet *packet)
{
	return packet->flags_be & (TCP_FIN | TCP_RST);
}

/* TCP or UDP: the ports and the flags. `whole`: not merely a first fragment, beyond which UDP's length reaches. */
static __always_inline enum reason parse_ports(struct packet *packet, bool whole)
{
	if (packet->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = packet->transport;
		__be16 flags_be;
		__u32 header;

		if ((void *)(tcp + 1) > packet->end)
			return DROP_MALFORMED;
		flags_be = *(__be16 *)(packet->transport + offsetof(struct tcphdr, ack_seq) + 4);
		header = (flags_be & TCP_OFFSET) >> 2; /* the upper 4 bits of the first byte, times 4 */
		if (header < sizeof(*tcp) || header > packet->length)
			return DROP_MALFORMED;
		packet->flags_be = flags_be;
	} else {
		struct udphdr *udp = packet->transport;
		__u32 length;

		if ((void *)(udp + 1) > packet->end || packet->length < sizeof(*udp))
			return DROP_MALFORMED;
		length = bpf_ntohs(udp->len);
		if (length < sizeof(*udp) || (whole && length > packet->length))
			return DROP_MALFORMED;
		packet->flags_be = 0;
	}
	packet->ports_be = *(__u32 *)packet->transport;
	return GO_ON;
}

/* A fault found from here on is one only if the packet is for a VIP: what is the host's is the host's to
 * judge. The frame may be longer than the IP packet (padding), never shorter. */
static __always_inline enum reason parse_ipv4(struct packet *packet)
{
	struct iphdr *ip = packet->ip;
	__u32 header = ip->ihl * 4;
	__u32 total = bpf_ntohs(ip->tot_len);

	/* Lengths compared, not pointers: Linux 6.1's verifier takes a swapped number for unbounded. */
	if (total < header || total > packet->end - packet->ip)
		return DROP_MALFORMED;
	/* Without options, as nearly always, the branch is foretold, and what lies behind need not wait for the length. */
	if (header == sizeof(*ip)) {
		header = sizeof(*ip);
		barrier_var(header);
	}
	packet->length = total - header;
	packet->transport = packet->ip + header;
	packet->protocol = ip->protocol;
	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET))
		return SEE_FRAGMENT;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP)
		return parse_ports(packet, true);
	return ip->protocol == IPPROTO_ICMP ? SEE_ICMP : DROP_PROTOCOL;
}

static __always_inline enum reason parse_ipv6(struct packet *packet)
{
	struct ipv6hdr *ip = packet->ip;
	__u32 length = bpf_ntohs(ip->payload_len);

	if (!length || length > packet->end - (void *)(ip + 1)) /* 0: a jumbogram */
		return DROP_MALFORMED;
	packet->length = length;
	packet->transport = ip + 1;
	packet->protocol = ip->nexthdr;
	if (ip->nexthdr == IPPROTO_TCP || ip->nexthdr == IPPROTO_UDP)
		return parse_ports(packet, true);
	return ip->nexthdr == IPPROTO_ICMPV6 ? SEE_ICMP : SEE_EXTENSION;
}

#endif
