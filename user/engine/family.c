// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of implementations, and how a connection's NEGOTIATE is held against it. Rows ask for structure
 * (who fills which field in which way), not for what an administrator can set: security mode, dialects and
 * encryption count only where nothing else tells versions apart.
 */
#include <string.h>

#include "family.h"
#include "internal.h"

/* Dialects as a set; ONE: any single one. */
#define D202 0x01u
#define D210 0x02u
#define D300 0x04u
#define D302 0x08u
#define D311 0x10u
#define D_OTHER 0x20u
#define D_ONE 0x80u
#define D_ALL (D202 | D210 | D300 | D302 | D311)

enum tri { ANY, YES, NO };

/* What a row asks for. Zero: anything. */
struct want {
	uint8_t process, guid;
	uint8_t start_time, negoex; /* enum tri */
	uint8_t lz;		    /* enum tri: compression with an algorithm, not with NONE */
	uint8_t contexts_gone;	    /* enum tri: VALIDATE shows 3.1.1, the NEGOTIATE seen has no contexts */
	uint8_t no_charge;	    /* CreditCharge 0 */
	uint8_t dialects[3];
	uint16_t credits[2];
	uint16_t dialect;
	uint32_t caps_mask, caps;
	uint32_t contexts, compression, ciphers;
	uint32_t max_output; /* of VALIDATE */
	uint32_t mechs;
	const char *guid_is; /* 16 bytes */
};

#define CAPS(v) .caps_mask = ~0u, .caps = (v)
/* Without MULTI_CHANNEL, which can be switched off, and NOTIFICATIONS, which came later */
#define CAPS_WINDOWS .caps_mask = ~0x88u, .caps = 0x77

/* clang-format off */
#define LOG_WINDOWS_CLIENT                                                                                    \
	"The client is Windows: event 31012 of SMBClient prints both versions of the answer, 30805 and 30807 "  \
	"say that the server left."
#define LOG_WINDOWS_SERVER                                                                                    \
	"The server is Windows: SMBServer event 1005 says that negotiation was not validated, and what was "  \
	"expected and received."
#define NO_SWITCH                                                                                             \
	"This client is Windows 10, Server 2016 or later: validation can't be switched off there. "           \
	"RequireSecureNegotiate is ignored and removed (event 30912)."
#define SWITCH                                                                                                \
	"This client looks like Windows 8, 8.1, Server 2012 or 2012 R2. It can be told not to validate, which "\
	"hides the symptom and gives up the protection:\n"                                                     \
	"  Set-ItemProperty -Path \"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanWorkstation\\"           \
	"Parameters\" RequireSecureNegotiate -Value 0 -Force"
#define NEVER "This client never validates: there is nothing to switch off, and tampering goes unnoticed."

static const struct {
	struct nw_family family;
	struct want want;
} rows[] = {
	/* Clients */
	{ { .name = "impacket", .label = "impacket", .side = NW_C2S, .sure = NW_SURE_MEASURED,
	    .evidence = "0.10 in the lab, and three captures: ClientGuid of sixteen random letters",
	    .advice = NEVER },
	  { .guid = NW_GUID_LETTERS, .process = NW_PROCESS_ZERO } },
	{ { .name = "samba-client", .label = "Samba client (smbclient, libsmbclient)", .side = NW_C2S,
	    .sure = NW_SURE_MEASURED,
	    .evidence = "4.17 in the lab, two captures, and the source: asks for 31 credits, process id 0, no charge",
	    .advice = "This client is Samba's (smbclient, libsmbclient): it has no option against validation; "
		      "\"client signing\" makes no difference. With client min protocol = SMB3_11 NEGOTIATE is protected "
		      "by its hash instead, and tampering still ends the connection.",
	    .log = "The client is Samba's: NT_STATUS_CONNECTION_DISCONNECTED means that the server left, "
		   "NT_STATUS_ACCESS_DENIED that the client did; -d 10 says why." },
	  { .guid = NW_GUID_OTHER, .process = NW_PROCESS_ZERO, .no_charge = YES, .credits = { 31, 31 } } },
	{ { .name = "linux-cifs", .label = "Linux cifs.ko", .side = NW_C2S, .sure = NW_SURE_MEASURED,
	    .evidence = "6.12 in the lab, three captures, and the source: a process id, 2 or 10 credits, lists of dialects "
			"of its own",
	    .advice = "This client is the Linux kernel's cifs: it has no option against validation. It validates on 3.0 and "
		      "3.0.2 alone, so that vers=2.1 hides the symptom and gives up the protection; vers=3.1.1 protects "
		      "NEGOTIATE by its hash, and tampering still ends the connection.",
	    .log = "The client is the Linux kernel's cifs: dmesg says \"protocol revalidation - security settings "
		   "mismatch\", and mount EIO." },
	  { .process = NW_PROCESS_SMALL, .no_charge = YES, .credits = { 2, 10 },
	    .dialects = { D_ONE, D300 | D302 | D311, D210 | D300 | D302 | D311 } } },
	{ { .name = "macos", .label = "macOS", .side = NW_C2S, .sure = NW_SURE_CAPTURES,
	    .evidence = "two captures with Apple's create contexts: compression with the algorithm NONE alone",
	    .advice = "This client is macOS: validate_neg_off=yes in the section [default] of /etc/nsmb.conf hides the symptom "
		      "and gives up the protection.",
	  },
	  { .process = NW_PROCESS_FEFF, .contexts = 0x1235, .compression = 0x1 } },
	{ { .name = "macos", .label = "macOS", .side = NW_C2S, .sure = NW_SURE_ONE,
	    .evidence = "one capture: VALIDATE asks for 40 bytes; the NEGOTIATE seen lost its contexts",
	    .advice = "This client is macOS: validate_neg_off=yes in the section [default] of /etc/nsmb.conf hides the symptom "
		      "and gives up the protection." },
	  { .process = NW_PROCESS_FEFF, CAPS_WINDOWS, .dialects = { D_ALL }, .contexts_gone = YES, .max_output = 40 } },
	{ { .name = "windows-10", .label = "Windows 10 before 1903, Server 2016, 2019", .side = NW_C2S,
	    .sure = NW_SURE_CAPTURES, .evidence = "captures that name builds 10586 and 17763",
	    .advice = NO_SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS_WINDOWS, .dialects = { D_ALL }, .contexts = 0x12, .ciphers = 0x32 } },
	{ { .name = "windows-10-1903", .label = "Windows 10 1903 or 1909", .side = NW_C2S, .sure = NW_SURE_ONE,
	    .evidence = "one capture of 2020: compression, and not yet chained",
	    .advice = NO_SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS_WINDOWS, .dialects = { D_ALL, D311 }, .contexts = 0x1235, .compression = 0x342 } },
	{ { .name = "windows-10-2004", .label = "Windows 10 2004 or later, Server 2022", .side = NW_C2S,
	    .sure = NW_SURE_CAPTURES, .evidence = "two captures, one names build 19041: chained compression",
	    .advice = NO_SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS_WINDOWS, .dialects = { D_ALL, D311 }, .compression = 0x5342 } },
	{ { .name = "windows-10-later", .label = "Windows 10, 11 or Server of a later build", .side = NW_C2S,
	    .sure = NW_SURE_INFERRED, .evidence = "MS-SMB2 2.2.3.1.3: compression algorithms that Windows alone offers",
	    .advice = NO_SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS_WINDOWS, .dialects = { D_ALL, D311 }, .lz = YES } },
	{ { .name = "windows-10", .label = "Windows 10, Server 2016 or later", .side = NW_C2S, .sure = NW_SURE_ONE,
	    .evidence = "one capture: VALIDATE asks for 24 bytes; the NEGOTIATE seen lost its contexts",
	    .advice = NO_SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS_WINDOWS, .dialects = { D_ALL }, .contexts_gone = YES, .max_output = 24 } },
	{ { .name = "windows-8.1", .label = "Windows 8.1, Server 2012 R2", .side = NW_C2S, .sure = NW_SURE_INFERRED,
	    .evidence = "MS-SMB2: all capabilities, and dialects up to 3.0.2", .advice = SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS(0x7f), .dialects = { D202 | D210 | D300 | D302 } } },
	{ { .name = "windows-8", .label = "Windows 8, Server 2012", .side = NW_C2S, .sure = NW_SURE_INFERRED,
	    .evidence = "MS-SMB2: all capabilities, and dialects up to 3.0", .advice = SWITCH, .log = LOG_WINDOWS_CLIENT },
	  { .process = NW_PROCESS_FEFF, CAPS(0x7f), .dialects = { D202 | D210 | D300 } } },
	{ { .name = "windows-7", .label = "Windows 7, Server 2008 R2", .side = NW_C2S, .sure = NW_SURE_CAPTURES,
	    .evidence = "two captures that name build 7601: no capabilities, 2.0.2 and 2.1", .advice = NEVER },
	  { .process = NW_PROCESS_FEFF, CAPS(0), .dialects = { D202 | D210 } } },
	/* Servers */
	{ { .name = "responder", .label = "Responder (a trap for credentials, no file server)", .side = NW_S2C,
	    .sure = NW_SURE_CAPTURES, .evidence = "one capture, and the source: the same ServerGuid everywhere" },
	  { .guid_is = "\xee\x85\xab\xf7\xea\xf6\x0c\x4f\x92\x81\x92\x47\x6d\xeb\x76\xa9" } },
	{ { .name = "impacket", .label = "impacket smbserver", .side = NW_S2C, .sure = NW_SURE_INFERRED,
	    .evidence = "its source: ServerGuid of sixteen letters A" },
	  { .guid_is = "AAAAAAAAAAAAAAAA" } },
	{ { .name = "samba", .label = "Samba smbd", .side = NW_S2C, .sure = NW_SURE_MEASURED,
	    .evidence = "4.17 in the lab, five captures: ServerGuid is the NetBIOS name, no start time",
	    .log = "The server is Samba: with log level 3 it says \"Server exit (NT_STATUS_ACCESS_DENIED)\", with smb2:10 the "
		   "line that refused; at level 1 it says nothing." },
	  { .guid = NW_GUID_NAME, .start_time = NO, .negoex = NO } },
	{ { .name = "ksmbd", .label = "Linux ksmbd", .side = NW_S2C, .sure = NW_SURE_MEASURED,
	    .evidence = "6.12 in the lab: ServerGuid of zeros, NTLM alone",
	    .log = "The server is ksmbd: it answers STATUS_INVALID_PARAMETER instead of closing, and clients may go on "
		   "weakened; dmesg has what it says." },
	  { .guid = NW_GUID_ZERO, .start_time = NO, .mechs = NW_MECH_NTLM } },
	{ { .name = "windows-1709", .label = "Windows 10 1709, Server 2019 or later", .side = NW_S2C,
	    .sure = NW_SURE_CAPTURES, .evidence = "captures that name builds 17763 and 19041: NEGOEX, no start time",
	    .log = LOG_WINDOWS_SERVER },
	  { .guid = NW_GUID_OTHER, .start_time = NO, .negoex = YES } },
	{ { .name = "windows-2016", .label = "Windows 10 before 1709, Server 2016", .side = NW_S2C, .sure = NW_SURE_ONE,
	    .evidence = "one capture that names build 10586: NEGOEX, 3.1.1, start time", .log = LOG_WINDOWS_SERVER },
	  { .guid = NW_GUID_OTHER, .start_time = YES, .negoex = YES, .dialect = 0x0311 } },
	{ { .name = "windows", .label = "Windows before 1709, Server 2016 or older", .side = NW_S2C,
	    .sure = NW_SURE_CAPTURES, .evidence = "captures that name builds 9600, 14393 and 15063: NEGOEX, start time",
	    .log = LOG_WINDOWS_SERVER },
	  { .guid = NW_GUID_OTHER, .start_time = YES, .negoex = YES } },
	{ { .name = "macos", .label = "macOS file sharing", .side = NW_S2C, .sure = NW_SURE_ONE,
	    .evidence = "one capture of a MacBook: seven mechanisms, four of which others don't offer" },
	  { .guid = NW_GUID_OTHER, .start_time = NO, .mechs = 0x23ff5ff } },
};
/* clang-format on */

/* What of a side is held against the rows. */
struct look {
	struct nw_traits traits;
	const uint8_t *guid;
	uint32_t capabilities, max_output;
	uint16_t dialect;
	uint8_t dialects;
	bool contexts_gone;
};

static uint8_t dialect_set(const struct nw_params *p)
{
	static const uint16_t known[] = { 0x0202, 0x0210, 0x0300, 0x0302, 0x0311 };
	unsigned int i, k;
	uint8_t set = 0;

	for (i = 0; p->dialects && i < nw_min(p->n_dialects, NW_DIALECTS_MAX); i++) {
		for (k = 0; k < 5 && known[k] != p->dialects[i]; k++)
			;
		set |= 1u << k;
	}
	return set;
}

static bool is_one(uint8_t set)
{
	return set && !(set & (set - 1));
}

/*
 * VALIDATE that counts more than NEGOTIATE: the last that is protected. MaxOutputResponse is told by all of
 * them.
 */
static const struct nw_params *proven(const struct nw_conn *c, uint8_t side)
{
	unsigned int i;

	for (i = c->n_validate; i-- > 0;) {
		const struct nw_params *p =
			side == NW_C2S ? &c->validate[i].request : &c->validate[i].response;

		if (p->fingerprint && (p->is_signed || p->encrypted))
			return p;
	}
	return NULL;
}

static bool look_at(const struct nw_conn *c, uint8_t side, struct look *l)
{
	const struct nw_params *seen =
		side == NW_C2S ? nw_conn_negotiate_request(c) : nw_conn_negotiate_response(c);
	const struct nw_params *p = proven(c, side);

	if (!seen)
		return false;
	if (!p)
		p = seen;
	*l = (struct look){
		.traits = seen->traits,
		.guid = p->guid,
		.capabilities = p->capabilities,
		.max_output = p->max_output,
		.dialect = p->dialect,
		.dialects = dialect_set(p),
	};
	l->traits.guid = nw_guid_kind(p->guid);
	l->contexts_gone = side == NW_C2S && l->dialects & D311 && !(dialect_set(seen) & D311);
	return l->traits.guid;
}

static bool is(uint8_t wanted, bool got)
{
	return wanted == ANY || (wanted == YES) == got;
}

static bool same(uint32_t wanted, uint32_t got)
{
	return !wanted || wanted == got;
}

static bool has_digit(uint32_t list, uint32_t digit)
{
	for (; list; list >>= 4)
		if ((list & 15) == digit)
			return true;
	return false;
}

static bool fits_dialects(const struct want *w, uint8_t got)
{
	unsigned int i;

	for (i = 0; i < 3 && w->dialects[i]; i++)
		if (w->dialects[i] == got || (w->dialects[i] == D_ONE && is_one(got)))
			return true;
	return !w->dialects[0];
}

static bool fits(const struct want *w, const struct look *l)
{
	const struct nw_traits *t = &l->traits;

	return same(w->process, t->process) && same(w->guid, t->guid) &&
	       (!w->guid_is || !memcmp(w->guid_is, l->guid, 16)) && is(w->start_time, t->start_time) &&
	       is(w->negoex, has_digit(t->mechs, NW_MECH_NEGOEX)) && same(w->mechs, t->mechs) &&
	       is(w->lz, t->compression && t->compression != 0x1) && (!w->no_charge || !t->credit_charge) &&
	       (!w->credits[0] || t->credits == w->credits[0] || t->credits == w->credits[1]) &&
	       fits_dialects(w, l->dialects) && same(w->dialect, l->dialect) &&
	       (l->capabilities & w->caps_mask) == w->caps && same(w->contexts, t->contexts) &&
	       same(w->compression, t->compression) && same(w->ciphers, t->ciphers) &&
	       is(w->contexts_gone, l->contexts_gone) && same(w->max_output, l->max_output);
}

const struct nw_family *nw_family_of(const struct nw_conn *c, uint8_t side)
{
	struct look l;
	size_t i;

	if (!look_at(c, side, &l))
		return NULL;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].family.side == side && fits(&rows[i].want, &l))
			return &rows[i].family;
	return NULL;
}

const struct nw_family *nw_family_row(size_t i)
{
	return i < sizeof(rows) / sizeof(*rows) ? &rows[i].family : NULL;
}

const struct nw_family *nw_family_by_name(const char *name, uint8_t side)
{
	const struct nw_family *f;
	size_t i;

	for (i = 0; (f = nw_family_row(i)); i++)
		if (f->side == side && !strcmp(f->name, name))
			return f;
	return NULL;
}

const char *nw_sure_text(uint8_t sure)
{
	static const char *const texts[] = { "known from the lab", "known from captures",
					     "known from one capture", "inferred" };

	return sure < sizeof(texts) / sizeof(*texts) ? texts[sure] : "unknown";
}
