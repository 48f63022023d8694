/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SMB messages: what a message is (judge), and what it says (extract). Offsets are MS-SMB2's, from
 * the first byte of the SMB header. Headers lie on a multiple of eight, so all fields are aligned.
 */
#ifndef NW_WIRE_SMB_H
#define NW_WIRE_SMB_H

#include "base.h"
#include "fingerprint.h"

/* MS-SMB2 2.2.1.2: Command */
enum nw_smb2_command {
	NW_SMB2_NEGOTIATE = 0,
	NW_SMB2_SESSION_SETUP = 1,
	NW_SMB2_LOGOFF = 2,
	NW_SMB2_TREE_CONNECT = 3,
	NW_SMB2_TREE_DISCONNECT = 4,
	NW_SMB2_CREATE = 5,
	NW_SMB2_IOCTL = 11,
	NW_SMB2_CANCEL = 12,
	NW_SMB2_ECHO = 13,
	NW_SMB2_OPLOCK_BREAK = 18,
};
/* Not a command of the protocol: a request inside an encrypted message. */
#define NW_COMMAND_ENCRYPTED 0xffff

/* MS-SMB2 2.2.1.2: Flags */
#define NW_SMB2_F_RESPONSE 0x00000001u
#define NW_SMB2_F_SIGNED 0x00000008u

/* 3.2.4.1.4: SessionId of a related operation, "that of the one before" */
#define NW_SESSION_RELATED 0xffffffffffffffffull

#define NW_FSCTL_VALIDATE_NEGOTIATE_INFO 0x00140204u

#define NW_STATUS_SUCCESS 0x00000000u
#define NW_STATUS_PENDING 0x00000103u
#define NW_STATUS_INVALID_PARAMETER 0xc000000du
#define NW_STATUS_ACCESS_DENIED 0xc0000022u
#define NW_STATUS_MORE_PROCESSING_REQUIRED 0xc0000016u

/* MS-SMB2 2.2.1: offsets in the header, then in bodies */
#define NW_H_STRUCT_SIZE 4
#define NW_H_STATUS 8
#define NW_H_COMMAND 12
#define NW_H_FLAGS 16
#define NW_H_NEXT 20
#define NW_H_MESSAGE_ID 24
#define NW_H_SESSION_ID 40
#define NW_H_BODY 64

/* 2.2.3 NEGOTIATE request, 2.2.4 response */
#define NW_NEGQ_COUNT 66
#define NW_NEGQ_MODE 68
#define NW_NEGQ_CAPS 72
#define NW_NEGQ_GUID 76
#define NW_NEGQ_DIALECTS 100
#define NW_NEGR_MODE 66
#define NW_NEGR_DIALECT 68
#define NW_NEGR_GUID 72
#define NW_NEGR_CAPS 88
#define NW_NEGR_END 128
/* 2.2.31 IOCTL request, 2.2.32 response; 2.2.31.4 and 2.2.32.6 their buffers */
#define NW_IOCQ_CTL 68
#define NW_IOCQ_IN_OFFSET 88
#define NW_IOCQ_IN_COUNT 92
#define NW_IOCQ_MAX_OUTPUT 108
#define NW_IOCQ_BUFFER 120
#define NW_IOCR_CTL 68
#define NW_IOCR_OUT_OFFSET 96
#define NW_IOCR_OUT_COUNT 100
#define NW_IOCR_BUFFER 112
#define NW_VAL_CAPS 0
#define NW_VAL_GUID 4
#define NW_VAL_MODE 20
#define NW_VAL_LAST 22 /* request: DialectCount, response: Dialect */
#define NW_VAL_DIALECTS 24
/* 2.2.6 SESSION_SETUP response */
#define NW_SESR_FLAGS 66

/* Bytes of SMB header and body that are enough to judge any message: header 64, through CtlCode. */
#define NW_JUDGE_MAX 72

/* What judge says */
enum nw_class {
	NW_CL_MORE = 0, /* more bytes are needed to tell */
	NW_CL_NOT_SMB,	/* no SMB message begins here */
	NW_CL_SKIP,	/* of no interest */
	NW_CL_REQUEST,	/* a request that uses a tree: of interest where one waits for that */
	NW_CL_EVENT,	/* header is enough: an event of `type` */
	NW_CL_MESSAGE,	/* an event of `type` that needs the message's body */
};

struct nw_judged {
	__u8 class;
	__u8 type; /* enum nw_event_type */
	__u8 response;
	__u8 guess; /* a VALIDATE response only if there was such a request */
	__u32 next; /* NextCommand: offset of the next message of a compound, 0: none */
};

/*
 * Which response belongs to a VALIDATE request is known by its MessageId alone: an error response has
 * no control code. The flow remembers the low halves of the last few.
 */
#define NW_PENDING_MAX 4

nw_inline int nw_is_pending(const __u32 *pending, __u32 message_id_low)
{
	return pending[0] == message_id_low || pending[1] == message_id_low || pending[2] == message_id_low ||
	       pending[3] == message_id_low;
}

/* The low half of a MessageId, as it stands among the pending, where 0 says "none". */
nw_inline __u32 nw_pending_id(const __u8 *h)
{
	__u32 low = nw_le32(h + NW_H_MESSAGE_ID);

	return low ? low : 0xffffffffu;
}

/* SMB1 and transforms, told by the first byte; n bytes of the message are there. */
nw_inline struct nw_judged nw_judge_other(const __u8 *h, __u32 n, __u8 first)
{
	if (first == 0xfd)
		return (struct nw_judged){ NW_CL_EVENT, NW_EV_ENCRYPTED, 0, 0, 0 };
	if (first == 0xfc)
		return (struct nw_judged){ NW_CL_EVENT, NW_EV_COMPRESSED, 0, 0, 0 };
	/* MS-CIFS 2.2.3.1: Command at 4, Flags at 9 with 0x80 for a response */
	if (n < 10)
		return (struct nw_judged){ NW_CL_MORE, 0, 0, 0, 0 };
	if (h[4] != 0x72)
		return (struct nw_judged){ NW_CL_SKIP, 0, h[9] >> 7, 0, 0 };
	return (struct nw_judged){ NW_CL_EVENT, h[9] & 0x80 ? NW_EV_SMB1_RSP : NW_EV_SMB1_REQ, h[9] >> 7, 0,
				   0 };
}

/*
 * h: the message's first bytes, n of them there, aligned to 8; room: how long the message is. pending:
 * the flow's VALIDATE requests without an answer, 0 for none; suspect: there may be others.
 */
nw_inline struct nw_judged nw_judge(const __u8 *h, __u32 n, __u32 room, const __u32 *pending, __u32 suspect)
{
	struct nw_judged j = { NW_CL_MORE, 0, 0, 0, 0 };
	__u32 magic, flags, status;
	__u16 command;

	if (n < 4)
		return j;
	magic = nw_le32(h);
	if ((magic | 0xff) != 0x424d53ffu || (magic & 0xff) < 0xfc) {
		j.class = NW_CL_NOT_SMB;
		return j;
	}
	if ((magic & 0xff) != 0xfe)
		return nw_judge_other(h, n, magic & 0xff);
	if (room < NW_H_BODY) {
		j.class = NW_CL_NOT_SMB;
		return j;
	}
	if (n < NW_H_MESSAGE_ID)
		return j;
	if (nw_le16(h + NW_H_STRUCT_SIZE) != 64) {
		j.class = NW_CL_NOT_SMB;
		return j;
	}
	command = nw_le16(h + NW_H_COMMAND);
	flags = nw_le32(h + NW_H_FLAGS);
	status = nw_le32(h + NW_H_STATUS);
	j.response = flags & NW_SMB2_F_RESPONSE;
	j.next = nw_le32(h + NW_H_NEXT);
	/* A link that leaves the frame, or leaves no room for a header, ends the compound. */
	if (j.next && (j.next < NW_H_BODY || j.next > room || room - j.next < NW_H_BODY))
		j.next = 0;
	j.class = NW_CL_SKIP;
	if (j.response && status == NW_STATUS_PENDING)
		return j;
	switch (command) {
	case NW_SMB2_NEGOTIATE:
		j.class = NW_CL_MESSAGE;
		j.type = j.response ? NW_EV_NEGOTIATE_RSP : NW_EV_NEGOTIATE_REQ;
		return j;
	case NW_SMB2_SESSION_SETUP:
		if (!j.response || status == NW_STATUS_MORE_PROCESSING_REQUIRED)
			return j;
		if (n < nw_min(room, NW_SESR_FLAGS + 2)) {
			j.class = NW_CL_MORE;
			return j;
		}
		j.class = NW_CL_EVENT;
		j.type = NW_EV_SESSION_RSP;
		return j;
	case NW_SMB2_LOGOFF:
	case NW_SMB2_TREE_CONNECT:
		if (j.response != (command == NW_SMB2_TREE_CONNECT))
			return j;
		if (n < NW_H_BODY) {
			j.class = NW_CL_MORE;
			return j;
		}
		j.class = NW_CL_EVENT;
		j.type = j.response ? NW_EV_TREE_RSP : NW_EV_LOGOFF;
		return j;
	case NW_SMB2_IOCTL:
		if (n < nw_min(room, NW_JUDGE_MAX)) {
			j.class = NW_CL_MORE;
			return j;
		}
		if (room >= NW_JUDGE_MAX && nw_le32(h + NW_IOCQ_CTL) == NW_FSCTL_VALIDATE_NEGOTIATE_INFO &&
		    nw_le16(h + NW_H_BODY) == (j.response ? 49 : 57)) {
			j.class = NW_CL_MESSAGE;
			j.type = j.response ? NW_EV_VALIDATE_RSP : NW_EV_VALIDATE_REQ;
			return j;
		}
		j.guess = !nw_is_pending(pending, nw_pending_id(h));
		if (j.response && (!j.guess || (suspect && status >= 0xc0000000u))) {
			j.class = NW_CL_MESSAGE;
			j.type = NW_EV_VALIDATE_RSP;
			return j;
		}
		if (!j.response)
			j.class = NW_CL_REQUEST;
		return j;
	case NW_SMB2_CANCEL:
	case NW_SMB2_ECHO:
	case NW_SMB2_OPLOCK_BREAK:
		return j;
	default:
		if (j.response)
			return j;
		if (n < NW_H_BODY) {
			j.class = NW_CL_MORE;
			return j;
		}
		j.class = NW_CL_REQUEST;
		return j;
	}
}

/* The fixed fields of an SMB2 header of which 64 bytes are there. */
nw_inline void nw_extract_header(struct nw_smb *m, const __u8 *h)
{
	m->command = nw_le16(h + NW_H_COMMAND);
	m->flags = nw_le32(h + NW_H_FLAGS);
	m->status = m->flags & NW_SMB2_F_RESPONSE ? nw_le32(h + NW_H_STATUS) : 0;
	m->message_id = nw_le64(h + NW_H_MESSAGE_ID);
	m->session_id = nw_le64(h + NW_H_SESSION_ID);
}

nw_inline void nw_copy_guid(__u8 *to, const __u8 *from)
{
	nw_u32a *t = (nw_u32a *)to;
	const nw_u32a *f = (const nw_u32a *)from;

	t[0] = f[0];
	t[1] = f[1];
	t[2] = f[2];
	t[3] = f[3];
}

/*
 * The body of a wanted message. h holds at least NW_DATA_MAX - 4 readable bytes, of which n are the
 * message's. Returns 0; -1 if the message is not of the usual layout (InputOffset other than 120,
 * OutputOffset other than 112) or too short, and then only the header's fields are set.
 */
nw_inline int nw_extract(struct nw_smb *m, const __u8 *h, __u32 n, __u8 type)
{
	__u32 count;

	nw_extract_header(m, h);
	switch (type) {
	case NW_EV_NEGOTIATE_REQ:
		if (n < NW_NEGQ_DIALECTS || nw_le16(h + NW_H_BODY) != 36)
			return -1;
		count = nw_le16(h + NW_NEGQ_COUNT);
		if (n < NW_NEGQ_DIALECTS + 2 * nw_min(count, NW_DIALECTS_MAX))
			return -1;
		m->n_dialects = count;
		m->dialects_off = 4 + NW_NEGQ_DIALECTS;
		m->security_mode = nw_le16(h + NW_NEGQ_MODE);
		m->capabilities = nw_le32(h + NW_NEGQ_CAPS);
		nw_copy_guid(m->guid, h + NW_NEGQ_GUID);
		m->fingerprint = nw_fp_request(m, h + NW_NEGQ_GUID, h + NW_NEGQ_DIALECTS);
		return 0;
	case NW_EV_NEGOTIATE_RSP:
		if (m->status != NW_STATUS_SUCCESS)
			return 0;
		if (n < NW_NEGR_END || nw_le16(h + NW_H_BODY) != 65)
			return -1;
		m->security_mode = nw_le16(h + NW_NEGR_MODE);
		m->dialect = nw_le16(h + NW_NEGR_DIALECT);
		m->capabilities = nw_le32(h + NW_NEGR_CAPS);
		nw_copy_guid(m->guid, h + NW_NEGR_GUID);
		m->fingerprint = nw_fp_response(m, h + NW_NEGR_GUID);
		return 0;
	case NW_EV_VALIDATE_REQ:
		if (n < NW_IOCQ_BUFFER)
			return -1;
		m->max_output = nw_le32(h + NW_IOCQ_MAX_OUTPUT);
		if (nw_le32(h + NW_IOCQ_IN_OFFSET) != NW_IOCQ_BUFFER ||
		    n < NW_IOCQ_BUFFER + NW_VAL_DIALECTS || nw_le32(h + NW_IOCQ_IN_COUNT) < NW_VAL_DIALECTS)
			return -1;
		count = nw_le16(h + NW_IOCQ_BUFFER + NW_VAL_LAST);
		if (n < NW_IOCQ_BUFFER + NW_VAL_DIALECTS + 2 * nw_min(count, NW_DIALECTS_MAX))
			return -1;
		m->n_dialects = count;
		m->dialects_off = 4 + NW_IOCQ_BUFFER + NW_VAL_DIALECTS;
		m->capabilities = nw_le32(h + NW_IOCQ_BUFFER + NW_VAL_CAPS);
		m->security_mode = nw_le16(h + NW_IOCQ_BUFFER + NW_VAL_MODE);
		nw_copy_guid(m->guid, h + NW_IOCQ_BUFFER + NW_VAL_GUID);
		m->fingerprint = nw_fp_request(m, h + NW_IOCQ_BUFFER + NW_VAL_GUID,
					       h + NW_IOCQ_BUFFER + NW_VAL_DIALECTS);
		return 0;
	case NW_EV_VALIDATE_RSP:
		if (m->status != NW_STATUS_SUCCESS)
			return 0;
		/* macOS servers answer with more than the 24 bytes */
		if (n < NW_IOCR_BUFFER + NW_VAL_DIALECTS ||
		    nw_le32(h + NW_IOCR_OUT_OFFSET) != NW_IOCR_BUFFER ||
		    nw_le32(h + NW_IOCR_OUT_COUNT) < NW_VAL_DIALECTS)
			return -1;
		m->capabilities = nw_le32(h + NW_IOCR_BUFFER + NW_VAL_CAPS);
		m->security_mode = nw_le16(h + NW_IOCR_BUFFER + NW_VAL_MODE);
		m->dialect = nw_le16(h + NW_IOCR_BUFFER + NW_VAL_LAST);
		nw_copy_guid(m->guid, h + NW_IOCR_BUFFER + NW_VAL_GUID);
		m->fingerprint = nw_fp_response(m, h + NW_IOCR_BUFFER + NW_VAL_GUID);
		return 0;
	default:
		return 0;
	}
}

#endif
