// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Capture files through `negwatch read` itself: pcap and pcapng, plain and gzip'ed, whole and broken. Held
 * to: it comes to an end with one of its exit codes.
 *
 * Input: a byte of what to do with the file that the rest is; gzip'ed, four bytes of where to damage that.
 */
#include <stdlib.h>
#include <zlib.h>

#include "fuzz.h"
#include "../../user/cli/cli.h"
#include "../../user/util/util.h"

static struct nw_cli cli = { .ports = { 2, { 445, 139 } }, .quiet = true };

/* What the bytes are as gzip data, with one of its bytes changed or its end cut off. */
static size_t gzip(struct bytes *b, uint8_t how, uint8_t **out)
{
	uint32_t at = how & 8 ? take16(b) : 0;
	uint8_t change = how & 8 ? take8(b) : 0;
	z_stream z = { .next_in = (Bytef *)(uintptr_t)b->at, .avail_in = (uInt)left(b) };
	size_t n;

	HOLDS(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	n = deflateBound(&z, z.avail_in);
	*out = malloc(n);
	z.next_out = *out;
	z.avail_out = (uInt)n;
	HOLDS(deflate(&z, Z_FINISH) == Z_STREAM_END);
	n = z.total_out;
	deflateEnd(&z);
	if (how & 8 && how & 16)
		n = at % n;
	else if (how & 8)
		(*out)[at % n] ^= change;
	return n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_quiet();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	uint8_t how = take8(&b);
	_cleanup_free_ uint8_t *zipped = NULL;
	char name[64], *argv[] = { "read", name, NULL };
	int status;

	cli.json = how & 1;
	cli.all = how & 2;
	cli.vantage = how >> 5 & 3;
	if (how & 4) {
		size_t n = gzip(&b, how, &zipped);

		strcpy(name, fuzz_file(zipped, n));
	} else {
		strcpy(name, fuzz_file(b.at, left(&b)));
	}
	status = nw_cmd_read(&cli, 2, argv);
	HOLDS(status >= 0 && status <= 2);
	return 0;
}
