/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one contract between the tap (kernel programs, or the same code over a capture file) and the
 * rest of negwatch: flow key, events, counters. Fixed width, explicit padding, no pointers. What is
 * host byte order and what is network byte order is said at each member.
 */
#ifndef NW_ABI_H
#define NW_ABI_H

#include <linux/types.h>

#define NW_ABI_VERSION 2

/* Bytes of link, network and TCP header kept with an event: Ethernet 14 + two tags 8 + IPv6 40 +
 * TCP 60 = 122. Longer header chains (IPv6 extension headers) are cut here, and only here. */
#define NW_HDR_MAX 124
/* Bytes of the SMB message kept with an event, its four bytes of NetBIOS header included. The fields
 * of every wanted message end before byte 148 + 2 * 64 dialects = 276; the rest is for the contexts
 * of a 3.1.1 NEGOTIATE, which lie behind the security buffer: Samba's response ends at 296, that of a
 * Windows in a domain at 610 (security buffer of 398), with signing, transport and RDMA at about 670. */
#define NW_DATA_MAX 708
/* Dialects that are compared one by one; more are counted and hashed no further. MS-SMB2 knows six. */
#define NW_DIALECTS_MAX 64

union nw_addr {
	__u8 b[16];
	__u32 w[4];
	__u64 d[2];
};

/*
 * Both directions of one TCP connection. IPv4 is stored v4-mapped (::ffff:a.b.c.d). Endpoint 0 is
 * the one whose (address, port) is smaller, compared as the numbers that lie in memory; which of the
 * two is the client is said by the event. Addresses and ports are in network byte order.
 */
struct nw_key {
	union nw_addr addr[2];
	__be16 port[2];
	__u32 zero;
};

enum nw_hook {
	NW_HOOK_XDP = 0,
	NW_HOOK_TC_INGRESS,
	NW_HOOK_TC_EGRESS,
	NW_HOOK_CAPTURE,
};

enum nw_dir_id {
	NW_C2S = 0, /* sent by the client */
	NW_S2C = 1, /* sent by the server */
};

enum nw_event_type {
	NW_EV_NONE = 0,
	NW_EV_SMB1_REQ, /* SMB_COM_NEGOTIATE request */
	NW_EV_SMB1_RSP, /* SMB_COM_NEGOTIATE response: the server chose SMB1 */
	NW_EV_NEGOTIATE_REQ,
	NW_EV_NEGOTIATE_RSP,
	NW_EV_VALIDATE_REQ,
	NW_EV_VALIDATE_RSP,
	NW_EV_SESSION_RSP, /* final SESSION_SETUP response (not MORE_PROCESSING_REQUIRED) */
	NW_EV_TREE_RSP,	   /* TREE_CONNECT response */
	NW_EV_LOGOFF,	   /* LOGOFF request */
	NW_EV_USE,	 /* first other request after the answer to SESSION_SETUP, TREE_CONNECT or VALIDATE */
	NW_EV_ENCRYPTED, /* first 0xFD transform of a direction, and each one that is a "use" */
	NW_EV_COMPRESSED, /* first 0xFC transform of a direction */
	NW_EV_FIN,
	NW_EV_RST,
	NW_EV_ALIVE, /* after a RST, a packet that shows its sender to be alive, or may do so */
	NW_EV_FLOW,  /* a flow that was already running when it was first seen */
	NW_EV_PIECE, /* bytes that the tap can't judge or that are part of a split message */
	NW_EV_GAP,   /* bytes of a direction were never seen; `cause` says why */
	/* Words of this host's own TCP, from bpf/resets.bpf.c; `dir` is the sender of the reset, tcp.seq its
	 * sequence number, `seqno` 0: they are not numbered. All else but the key, `client`, `cpu` is 0. */
	NW_EV_RST_SENT,	    /* the kernel sends a reset, or has just sent it */
	NW_EV_RST_ACCEPTED, /* a reset came, and the kernel ends the connection by it */
	NW_EV_MAX,
};

enum nw_gap_cause {
	NW_GAP_LOST = 1,  /* sequence hole that was never filled */
	NW_GAP_TRUNCATED, /* the capture's snapshot length cut the packet */
	NW_GAP_FRAGMENT,  /* IP fragments */
	NW_GAP_NOT_SMB,	  /* the stream holds something else where a message has to begin */
};

/* Event flags */
#define NW_EF_NEW 0x0001u	  /* first event of this connection */
#define NW_EF_SYN_SEEN 0x0002u	  /* followed from its first byte */
#define NW_EF_MATCH 0x0004u	  /* VALIDATE: fingerprint equals the flow's NEGOTIATE */
#define NW_EF_DIFFER 0x0008u	  /* VALIDATE: fingerprint differs from the flow's NEGOTIATE */
#define NW_EF_COMPOUND 0x0010u	  /* not the first message of its transport frame */
#define NW_EF_JOINED 0x0020u	  /* put together from several segments, by the engine */
#define NW_EF_NO_BOUNDARY 0x0040u /* PIECE: `boundary` is not known to be one */
#define NW_EF_AHEAD 0x0080u	  /* PIECE: behind a hole, may never be asked for */
#define NW_EF_GUESS 0x0100u	  /* VALIDATE_RSP: an error that may answer a VALIDATE left to the engine */

/* Options seen in the SYN or SYN-ACK that accelerators are known to set */
#define NW_OPT_RIVERBED_PROBE 0x01u /* kind 76 */
#define NW_OPT_RIVERBED_TRANS 0x02u /* kind 78 */
#define NW_OPT_CISCO_WAAS 0x04u	    /* kind 33 */
#define NW_OPT_EXINDA 0x08u	    /* kind 230 */
#define NW_OPT_SCPS 0x10u	    /* kinds 20-23 */
#define NW_OPT_EXINDA_OLD 0x20u	    /* kind 30, where it is not RFC 8684's */

/* All in host byte order, as read from the packet that carried (the end of) what is told. */
struct nw_tcp {
	__u32 seq;
	__u32 ack;
	__u16 window;
	__u16 ip_id; /* 0 with IPv6 */
	__u8 flags;  /* the TCP header's flag byte */
	__u8 ttl;    /* IPv4 time to live, IPv6 hop limit */
	__u8 ip_version;
	__u8 n_vlan;
	__u16 vlan[2]; /* VLAN identifiers, outermost first */
	__u32 pay_len;
};

/*
 * What one SMB message said. Integers in host byte order, the GUID as its 16 wire bytes. Members
 * that the type of the event has no use for are zero.
 */
struct nw_smb {
	__u64 fingerprint; /* wire/fingerprint.h; NEGOTIATE and VALIDATE that were successful only */
	__u64 message_id;
	__u64 session_id;
	__u32 flags;  /* MS-SMB2 2.2.1.2 Flags */
	__u32 status; /* responses */
	__u16 command;
	__u16 security_mode;
	__u32 capabilities;
	__u8 guid[16];
	__u16 dialect;	    /* responses: DialectRevision */
	__u16 n_dialects;   /* requests: DialectCount as sent */
	__u16 dialects_off; /* requests: where the array begins in `data` */
	__u16 session_flags;
	__u32 max_output; /* VALIDATE request: MaxOutputResponse */
	__u32 ctl_code;	  /* USE: control code of an IOCTL */
};

/* What the packets of one endpoint looked like so far, its resets left out. Host byte order. */
#define NW_LOOK_ID_ZERO 0x01u /* IPv4: an identification of 0 was seen */
#define NW_LOOK_ID_NEXT 0x02u /* ... one that counts on from the one before */
#define NW_LOOK_ID_FAR 0x04u  /* ... one that does not */
#define NW_LOOK_OPTIONS 0x08u /* TCP options */

struct nw_look {
	__u32 end; /* behind the furthest sequence number used, FIN included */
	__u32 ack; /* of the last packet */
	__u16 window;
	__u16 ip_id;	 /* the last that was not 0 */
	__u8 ttl;	 /* 0: no packet was seen */
	__u8 ttl_before; /* another one, before that; 0: none */
	__u8 traits;	 /* NW_LOOK_* */
	__u8 pad;
};

/* RST and FIN: what they are held against. */
struct nw_ends {
	struct nw_look sender; /* the endpoint in whose name it came */
	struct nw_look other;
	__u8 options; /* it carries TCP options itself */
	__u8 holes;   /* bit by enum nw_dir_id: bytes of that stream are waited for */
	__u8 pad[6];
};

struct nw_event {
	__u64 ts;	/* ns; CLOCK_MONOTONIC from the kernel, the packet's time from a capture */
	__u64 seqno;	/* counts the events of one CPU, from 1, also those that were lost */
	__u64 frame;	/* capture: number of the packet, from 1; kernel: 0 */
	__u64 start_ts; /* when the connection was first seen: its SYN, on the clock of ts */
	struct nw_key key;
	__u8 type;   /* enum nw_event_type */
	__u8 hook;   /* enum nw_hook */
	__u8 dir;    /* enum nw_dir_id: who sent it */
	__u8 client; /* which endpoint of the key is the client */
	__u16 cpu;
	__u16 flags; /* NW_EF_* */
	__u32 ifindex;
	__u32 pkt_len;
	struct nw_tcp tcp;
	union {
		struct nw_smb smb;
		struct nw_ends ends; /* RST and FIN */
	};
	__u32 msg_seq;	/* sequence number of the message's first byte; PIECE: of data[4] */
	__u32 msg_len;	/* bytes of the message from there on, which may be more than data holds */
	__u32 boundary; /* PIECE: a sequence number at which a message begins ... */
	__u32 msg_end;	/* ... and, with NW_EF_COMPOUND, where its transport frame ends */
	__u8 syn_opts;	/* NW_OPT_* */
	__u8 cause;	/* GAP: enum nw_gap_cause */
	__u16 hdr_len;	/* bytes in hdr */
	__u16 data_len; /* bytes in data, the first four included */
	/* RST_SENT: the kernel's enum sk_rst_reason + 1; 0: it does not tell */
	__u16 reason;
	__u8 hdr[NW_HDR_MAX]; /* the packet's first bytes */
	/*
	 * The message: four bytes of NetBIOS session header (zero in a compound), then the SMB
	 * header. So placed that the SMB header lies on a multiple of eight. Small events have room
	 * for NW_HEAD_DATA of it: what of a message that was told by its header was read to judge it;
	 * usual ones for NW_USUAL_DATA.
	 */
	__u8 data[NW_DATA_MAX];
};

/* Four bytes of NetBIOS header, 64 of the SMB header, 8 of a body: never any of a file. */
#define NW_HEAD_DATA 76

/* Most NEGOTIATE messages have no more, and all VALIDATE messages but those of odd clients. */
#define NW_USUAL_DATA 308

/* Events come in three sizes: with the first NW_HEAD_DATA bytes of `data`, with NW_USUAL_DATA, with all. */
#define NW_EVENT_SMALL (__builtin_offsetof(struct nw_event, data) + NW_HEAD_DATA)
#define NW_EVENT_USUAL (__builtin_offsetof(struct nw_event, data) + NW_USUAL_DATA)
#define NW_EVENT_FULL sizeof(struct nw_event)

_Static_assert(sizeof(struct nw_key) == 40, "key");
_Static_assert(sizeof(struct nw_tcp) == 24, "tcp");
_Static_assert(sizeof(struct nw_smb) == 72, "smb");
_Static_assert(sizeof(struct nw_look) == 16, "look");
_Static_assert(sizeof(struct nw_ends) == 40, "ends");
_Static_assert(__builtin_offsetof(struct nw_event, key) == 32, "event.key");
_Static_assert(__builtin_offsetof(struct nw_event, tcp) == 88, "event.tcp");
_Static_assert(__builtin_offsetof(struct nw_event, smb) == 112, "event.smb");
_Static_assert(__builtin_offsetof(struct nw_event, hdr) == 208, "event.hdr");
_Static_assert(__builtin_offsetof(struct nw_event, data) == 332, "event.data");
_Static_assert((__builtin_offsetof(struct nw_event, data) + 4) % 8 == 0, "the SMB header is aligned");
_Static_assert(NW_EVENT_SMALL == 408, "small event");
_Static_assert(NW_EVENT_USUAL == 640, "usual event");
_Static_assert(NW_EVENT_FULL == 1040, "event");

/*
 * Counters, one row each: name, what is counted. Those up to NW_C_OUTCOMES are outcomes: every packet
 * that a program saw has exactly one. NW_C_PACKETS is their sum: programs leave it to whoever reads.
 */
#define NW_COUNTERS(X)                                                                                       \
	X(NOT_IP, "neither IPv4 nor IPv6")                                                                   \
	X(NOT_TCP, "IP, but not TCP")                                                                        \
	X(FRAGMENT, "IP fragment, not read")                                                                 \
	X(MALFORMED, "header that contradicts itself or is cut short")                                       \
	X(OTHER_PORT, "TCP of another service")                                                              \
	X(SYN, "SYN or SYN-ACK of an SMB port")                                                              \
	X(UNTRACKED, "of an SMB port, but no flow that speaks SMB")                                          \
	X(EMPTY, "of a tracked flow, without payload")                                                       \
	X(BODY, "inside a message, nothing to read")                                                         \
	X(WALKED, "held the beginning of a message")                                                         \
	X(AHEAD, "behind a hole in the stream")                                                              \
	X(FAR, "of a tracked flow's ports, but far from where it is: made up, or another connection's")      \
	X(UNREAD, "not read: left by a daemon that is gone")                                                 \
	X(OUTCOMES, "not a counter: the outcomes end here")                                                  \
	X(PACKETS, "packets seen")                                                                           \
	X(MESSAGES, "SMB messages whose header was read")                                                    \
	X(EVENTS, "events sent")                                                                             \
	X(LOST_EVENTS, "events lost: ring buffer full")                                                      \
	X(LOST_FLOWS, "flows not tracked: no entry, or more than their client's share")                      \
	X(FLOWS, "flows begun")                                                                              \
	X(FLOWS_ENDED, "flows that made way for a new connection of the same ports")                         \
	X(HOLES, "holes in a stream")                                                                        \
	X(RESYNCS, "streams picked up again behind a hole")                                                  \
	X(NOT_SMB, "streams given up: no SMB where a message has to begin")                                  \
	X(TRUNCATED, "packets cut short of a wanted message")                                                \
	X(RAW_LIMIT, "streams that used up what may be passed unjudged")                                     \
	X(CARRY_LOST, "half headers that were evicted before their rest came")

enum nw_counter {
#define X(name, text) NW_C_##name,
	NW_COUNTERS(X)
#undef X
		NW_C_MAX,
};

#endif
