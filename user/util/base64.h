/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Base64 (RFC 4648, section 4). */
#ifndef NW_BASE64_H
#define NW_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Size of the text of len bytes, terminator included. */
#define NW_BASE64_TEXT(len) (((len) + 2) / 3 * 4 + 1)

/* Writes NW_BASE64_TEXT(len) bytes to out. */
void nw_base64(char *out, const uint8_t *bytes, size_t len);

#endif
