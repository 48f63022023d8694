// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Blocks of pcapng: type, length, body with options, length again, all in multiples of four bytes. */
#include <string.h>

#include "pcapng.h"
#include "../util/util.h"

#define SECTION 0x0a0d0d0au
#define INTERFACE 1u
#define ENHANCED_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
/* libpcap refuses files whose interfaces differ in it. */
#define SNAPSHOT_LENGTH 262144u

/* Codes of options; the first two hold in every block. */
#define OPT_END 0u
#define OPT_COMMENT 1u
#define SHB_APPLICATION 4u
#define IDB_NAME 2u
#define IDB_TIME_RESOLUTION 9u
#define EPB_FLAGS 2u

struct option {
	uint16_t code;
	size_t len;
	const void *value;
};

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void put_padded(FILE *out, const void *bytes, size_t n)
{
	static const char zeros[4];

	if (!n)
		return; /* then bytes may be NULL */
	fwrite(bytes, 1, n, out);
	fwrite(zeros, 1, padded(n) - n, out);
}

static struct option text(uint16_t code, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	return (struct option){ code, len > UINT16_MAX ? UINT16_MAX : len, value };
}

/* head and data are the block's own; options without a value are left out. */
static void put_block(FILE *out, uint32_t type, const void *head, size_t head_len, const void *data,
		      size_t data_len, const struct option *options, size_t n)
{
	size_t size = 12 + padded(head_len) + padded(data_len), i;
	uint32_t total;

	for (i = 0; i < n; i++)
		if (options[i].len)
			size += 4 + padded(options[i].len);
	total = (uint32_t)size + 4; /* the end of the options */
	fwrite(&type, sizeof(type), 1, out);
	fwrite(&total, sizeof(total), 1, out);
	put_padded(out, head, head_len);
	if (data_len)
		put_padded(out, data, data_len);
	for (i = 0; i < n; i++) {
		uint16_t pair[2] = { options[i].code, (uint16_t)options[i].len };

		if (!options[i].len)
			continue;
		fwrite(pair, sizeof(pair), 1, out);
		put_padded(out, options[i].value, options[i].len);
	}
	fwrite((const uint16_t[2]){ OPT_END, 0 }, 4, 1, out);
	fwrite(&total, sizeof(total), 1, out);
}

void nw_pcapng_section(FILE *out, const char *application, const char *comment)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		int64_t length; /* of the section: not said */
	} __attribute__((packed)) head = { BYTE_ORDER_MAGIC, 1, 0, -1 };
	const struct option options[] = { text(SHB_APPLICATION, application), text(OPT_COMMENT, comment) };

	put_block(out, SECTION, &head, sizeof(head), NULL, 0, options, NW_ARRAY_SIZE(options));
}

void nw_pcapng_interface(FILE *out, uint16_t link_type, const char *name)
{
	static const uint8_t nanoseconds = 9;
	const struct {
		uint16_t link_type, reserved;
		uint32_t snapshot;
	} head = { link_type, 0, SNAPSHOT_LENGTH };
	const struct option options[] = { text(IDB_NAME, name), { IDB_TIME_RESOLUTION, 1, &nanoseconds } };

	put_block(out, INTERFACE, &head, sizeof(head), NULL, 0, options, NW_ARRAY_SIZE(options));
}

void nw_pcapng_packet(FILE *out, const struct nw_pcapng_packet *p)
{
	const uint64_t ts = (uint64_t)p->wall;
	const uint32_t head[] = { p->interface, (uint32_t)(ts >> 32), (uint32_t)ts, p->captured, p->len };
	const uint32_t flags = p->direction;
	const struct option options[] = { { EPB_FLAGS, sizeof(flags), &flags },
					  text(OPT_COMMENT, p->comment) };

	put_block(out, ENHANCED_PACKET, head, sizeof(head), p->data, p->captured, options,
		  NW_ARRAY_SIZE(options));
}
