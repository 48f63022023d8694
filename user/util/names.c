/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How addresses, GUIDs and the values of SMB2 fields are written. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "util.h"

static const struct {
	uint16_t value;
	const char *name;
	const char *eve;
} dialects[] = {
	{ 0x0202, "2.0.2", "2.02" }, { 0x0210, "2.1", "2.10" },	  { 0x02ff, "2.???", "2.??" },
	{ 0x0300, "3.0", "3.00" },   { 0x0302, "3.0.2", "3.02" }, { 0x0311, "3.1.1", "3.11" },
};

/* MS-SMB2 2.2.3 Capabilities, from bit 0 */
static const char *const capabilities_names[] = {
	"DFS",
	"LEASING",
	"LARGE_MTU",
	"MULTI_CHANNEL",
	"PERSISTENT_HANDLES",
	"DIRECTORY_LEASING",
	"ENCRYPTION",
	"NOTIFICATIONS",
};

static const struct {
	uint32_t value;
	const char *name;
} statuses[] = {
	{ 0x00000000, "STATUS_SUCCESS" },
	{ 0xc0000002, "STATUS_NOT_IMPLEMENTED" },
	{ 0xc000000d, "STATUS_INVALID_PARAMETER" },
	{ 0xc0000010, "STATUS_INVALID_DEVICE_REQUEST" },
	{ 0xc0000016, "STATUS_MORE_PROCESSING_REQUIRED" },
	{ 0xc0000022, "STATUS_ACCESS_DENIED" },
	{ 0xc0000023, "STATUS_BUFFER_TOO_SMALL" },
	{ 0xc000006d, "STATUS_LOGON_FAILURE" },
	{ 0xc00000bb, "STATUS_NOT_SUPPORTED" },
	{ 0xc00000c9, "STATUS_NETWORK_NAME_DELETED" },
	{ 0xc0000128, "STATUS_FILE_CLOSED" },
	{ 0xc0000203, "STATUS_USER_SESSION_DELETED" },
};

bool nw_addr_is_v4(const union nw_addr *addr)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr->b, prefix, sizeof(prefix)) == 0;
}

const char *nw_addr_text(char out[NW_ADDR_TEXT], const union nw_addr *addr)
{
	bool v4 = nw_addr_is_v4(addr);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? addr->b + 12 : addr->b, out, NW_ADDR_TEXT))
		out[0] = '\0';
	return out;
}

const char *nw_guid_text(char out[NW_GUID_TEXT], const uint8_t g[16])
{
	snprintf(out, NW_GUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13],
		 g[14], g[15]);
	return out;
}

static const char *dialect_as(char out[NW_DIALECT_TEXT], uint16_t dialect, bool eve)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(dialects); i++)
		if (dialects[i].value == dialect)
			return strcpy(out, eve ? dialects[i].eve : dialects[i].name);
	snprintf(out, NW_DIALECT_TEXT, "0x%04x", dialect);
	return out;
}

const char *nw_dialect_text(char out[NW_DIALECT_TEXT], uint16_t dialect)
{
	return dialect_as(out, dialect, false);
}

const char *nw_dialect_eve(char out[NW_DIALECT_TEXT], uint16_t dialect)
{
	return dialect_as(out, dialect, true);
}

const char *nw_capabilities_text(char out[NW_FLAGS_TEXT], uint32_t capabilities)
{
	struct nw_text t;

	nw_text_init(&t, out, NW_FLAGS_TEXT);
	for (size_t i = 0; i < NW_ARRAY_SIZE(capabilities_names); i++)
		if (capabilities & 1u << i)
			nw_text_add(&t, "%s%s", t.len ? " " : "", capabilities_names[i]);
	if (capabilities >> NW_ARRAY_SIZE(capabilities_names))
		nw_text_add(&t, "%s0x%x", t.len ? " " : "", capabilities & ~0xffu);
	if (!t.len)
		nw_text_add(&t, "none");
	return out;
}

const char *nw_security_mode_text(char out[NW_FLAGS_TEXT], uint16_t mode)
{
	static const char *const names[] = { "signing off", "signing enabled", "signing required",
					     "signing enabled and required" };
	struct nw_text t;

	nw_text_init(&t, out, NW_FLAGS_TEXT);
	nw_text_add(&t, "%s", names[mode & 3]);
	if (mode & ~3)
		nw_text_add(&t, " 0x%04x", mode & ~3u);
	return out;
}

const char *nw_status_text(char out[NW_STATUS_TEXT], uint32_t status)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(statuses); i++)
		if (statuses[i].value == status)
			return strcpy(out, statuses[i].name);
	snprintf(out, NW_STATUS_TEXT, "0x%08x", status);
	return out;
}
