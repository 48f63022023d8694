/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 64-bit fingerprint of what VALIDATE_NEGOTIATE_INFO repeats (MS-SMB2 2.2.31.4, 2.2.32.6):
 * capabilities, GUID, all 16 bits of security mode, dialects or dialect. Hashed in one canonical
 * order for NEGOTIATE and VALIDATE alike, in 32-bit words of host value, so that equal exchanges give
 * equal fingerprints on any machine. It is a mark, no proof: the engine compares the fields.
 */
#ifndef NW_WIRE_FINGERPRINT_H
#define NW_WIRE_FINGERPRINT_H

#include "base.h"

nw_inline __u64 nw_fp_mix(__u64 h, __u32 word)
{
	h ^= word;
	h *= 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 29);
}

nw_inline __u64 nw_fp_head(__u32 capabilities, const __u8 *guid, __u32 mode, __u32 last)
{
	__u64 h = 0x6e65677761746368ULL;

	h = nw_fp_mix(h, capabilities);
	h = nw_fp_mix(h, nw_le32(guid));
	h = nw_fp_mix(h, nw_le32(guid + 4));
	h = nw_fp_mix(h, nw_le32(guid + 8));
	h = nw_fp_mix(h, nw_le32(guid + 12));
	return nw_fp_mix(h, mode | last << 16);
}

/*
 * Request: n dialects (as sent) of which those that `data` holds from `off` on, at most
 * NW_DIALECTS_MAX, are hashed in pairs. guid and data + off are aligned to 4.
 */
nw_inline __u64 nw_fp_request(const struct nw_smb *m, const __u8 *guid, const __u8 *dialects)
{
	__u64 h = nw_fp_head(m->capabilities, guid, m->security_mode, m->n_dialects);
	__u32 i;

	NW_FORGET(); /* how n_dialects compares to NW_DIALECTS_MAX: else all turns are walked for each case */
	/* One branch in the loop: with a second, kernel 6.1 walks clang 19's code for each pair of turns
	 * anew. */
	for (i = 0; i < NW_DIALECTS_MAX; i += 2) {
		if (i + 1 >= m->n_dialects)
			break;
		h = nw_fp_mix(h, nw_le16(dialects + 2 * i) | (__u32)nw_le16(dialects + 2 * i + 2) << 16);
	}
	if (i < NW_DIALECTS_MAX && i < m->n_dialects)
		h = nw_fp_mix(h, nw_le16(dialects + 2 * i));
	return h | 1; /* never 0, which stands for "none" */
}

nw_inline __u64 nw_fp_response(const struct nw_smb *m, const __u8 *guid)
{
	return nw_fp_head(m->capabilities, guid, m->security_mode, m->dialect) | 1;
}

#endif
