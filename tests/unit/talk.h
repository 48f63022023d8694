/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conversations for tests: SMB messages built field by field, cut into TCP segments in every way that
 * TCP may, as Ethernet frames; and a digest of what the engine made of them.
 */
#ifndef NW_TESTS_TALK_H
#define NW_TESTS_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../user/engine/engine.h"
#include "../../user/source/source.h"

#define TALK_MSG_MAX 6000
#define TALK_MSGS_MAX 48

struct talk_params {
	uint32_t capabilities;
	uint16_t mode;
	uint8_t guid0; /* first byte of the GUID, the others are fixed */
	uint16_t dialects[70];
	unsigned int n_dialects;
	uint16_t dialect; /* responses */
};

struct talk_msg {
	uint8_t dir; /* enum nw_dir_id */
	uint32_t len;
	uint8_t bytes[TALK_MSG_MAX];
};

enum talk_end { TALK_END_NONE, TALK_END_SERVER_FIN, TALK_END_CLIENT_FIN, TALK_END_SERVER_RST };

struct talk {
	struct talk_msg *msg;
	unsigned int n;
	enum talk_end end;
};

/* How TCP carries it. */
struct talk_how {
	uint32_t cut;  /* each message is cut once, here; 0: not */
	uint32_t size; /* largest segment; 0: the message */
	bool twice;    /* every segment comes twice */
	bool swap;     /* neighbouring segments of a message change places */
	bool join;     /* messages in the same direction share a segment */
	bool ipv6;
	unsigned int vlans; /* 0-2 */
	bool ip_options;    /* IPv4 options, IPv6 extension header */
	bool no_syn;	    /* the handshake is not seen */
	bool port139;
	uint32_t isn[2];
};

/* A frame; ts in ns. Non-zero stops the talk. */
typedef int (*talk_frame_fn)(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame);

void talk_init(struct talk *t);
void talk_free(struct talk *t);
struct talk_msg *talk_add(struct talk *t, enum nw_dir_id dir);

void talk_negotiate_req(struct talk *t, const struct talk_params *p, uint64_t mid);
void talk_negotiate_rsp(struct talk *t, const struct talk_params *p, uint64_t mid);
void talk_session(struct talk *t, uint64_t mid, uint16_t flags, bool is_signed);
void talk_tree(struct talk *t, uint64_t mid);
/* pad: bytes between the IOCTL header and its buffer, a multiple of 8 */
void talk_validate_req(struct talk *t, const struct talk_params *p, uint64_t mid, uint32_t pad);
void talk_validate_rsp(struct talk *t, const struct talk_params *p, uint64_t mid, uint32_t status,
		       bool is_signed);
void talk_command(struct talk *t, enum nw_dir_id dir, uint16_t command, uint64_t mid, uint32_t body);
/* The last message and the one before become one compound frame. */
void talk_compound(struct talk *t);
void talk_smb1(struct talk *t);
void talk_netbios(struct talk *t);

/* The usual conversation: NEGOTIATE as `seen`, VALIDATE as `meant`, ended as said. */
void talk_usual(struct talk *t, const struct talk_params *seen_req, const struct talk_params *meant_req,
		const struct talk_params *seen_rsp, const struct talk_params *meant_rsp, enum talk_end end);
extern const struct talk_params talk_client, talk_server;

int talk_frames(const struct talk *t, const struct talk_how *how, talk_frame_fn fn, void *arg);

/* All that was concluded, without frames and times, so that it must not depend on segmentation. */
struct talk_digest {
	char text[4096];
	size_t n;
};
void talk_digest_conn(void *digest, const struct nw_conn *conn); /* a nw_engine_ops.done */

/* Through the host's tap and an engine of its own. */
int talk_digest_host(const struct talk *t, const struct talk_how *how, struct talk_digest *d);

#endif
