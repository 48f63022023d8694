/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every wire header needs, alike for clang -target bpf and for the host: aligned little-endian
 * and big-endian reads, sequence number arithmetic. No includes but the types.
 */
#ifndef NW_WIRE_BASE_H
#define NW_WIRE_BASE_H

#include "../abi.h"

/* Where runs are counted (make coverage) a function stands once, and not in each place of its use. */
#ifdef NW_COUNTED
#define nw_inline static inline __attribute__((unused))
#else
#define nw_inline static inline __attribute__((always_inline, unused))
#endif

/*
 * Hides a value from the compiler, so that the bound tested next is the bound that the verifier sees: clang
 * tests one copy and uses another. Nothing on the host.
 */
#ifdef __bpf__
#define NW_BOUND(x) asm volatile("" : "+r"(x))
#else
#define NW_BOUND(x) ((void)(x))
#endif

/*
 * What was stored has to be read again. Of what comes out of a map the verifier knows nothing, and so walks
 * the code behind once, not for each way that led there. Nothing on the host.
 */
#ifdef __bpf__
#define NW_FORGET() asm volatile("" ::: "memory")
#else
#define NW_FORGET() ((void)0)
#endif

typedef __u16 __attribute__((may_alias)) nw_u16a;
typedef __u32 __attribute__((may_alias)) nw_u32a;
typedef __u64 __attribute__((may_alias)) nw_u64a;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* The word that has these two at its beginning in memory, and zero behind. */
#define nw_two_u16(a, b) ((__u64)(__u16)(a) | (__u64)(__u16)(b) << 16)
#define nw_from_le16(v) (v)
#define nw_from_le32(v) (v)
#define nw_from_le64(v) (v)
#define nw_from_be16(v) __builtin_bswap16(v)
#define nw_from_be32(v) __builtin_bswap32(v)
#else
#define nw_two_u16(a, b) ((__u64)(__u16)(a) << 48 | (__u64)(__u16)(b) << 32)
#define nw_from_le16(v) __builtin_bswap16(v)
#define nw_from_le32(v) __builtin_bswap32(v)
#define nw_from_le64(v) __builtin_bswap64(v)
#define nw_from_be16(v) (v)
#define nw_from_be32(v) (v)
#endif

/* p has to be aligned to the size that is read: SMB headers are placed so that their fields are. */
nw_inline __u16 nw_le16(const void *p)
{
	return nw_from_le16(*(const nw_u16a *)p);
}

nw_inline __u32 nw_le32(const void *p)
{
	return nw_from_le32(*(const nw_u32a *)p);
}

nw_inline __u64 nw_le64(const void *p)
{
	return nw_from_le64(*(const nw_u64a *)p);
}

/* TCP sequence numbers (RFC 9293 3.4): a - b as a signed distance, right across the wrap. */
nw_inline __s32 nw_seq_diff(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

nw_inline __u32 nw_min(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

#endif
