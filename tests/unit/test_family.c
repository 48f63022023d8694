// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who is talking: what the table of families makes of NEGOTIATE messages, altered ones too, and what the
 * remedy and the hints of a SYN say then.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "said.h"
#include "../../bpf/wire/smb.h"
#include "../../user/engine/engine.h"
#include "../../user/source/capture.h"
#include "../../user/util/util.h"

static struct nw_event ev;

/* --- one connection ---------------------------------------------------------------------------------- */

static struct nw_engine *engine;
static struct nw_conn seen;
static uint64_t impl[2];

static void on_done(void *arg, const struct nw_conn *c)
{
	seen = *c;
	impl[NW_C2S] = nw_conn_impl(c, NW_C2S);
	impl[NW_S2C] = nw_conn_impl(c, NW_S2C);
}

static void begin(void)
{
	static const struct nw_engine_ops ops = { .done = on_done };
	struct nw_engine_config cfg;

	nw_engine_defaults(&cfg);
	assert_int_equal(nw_engine_new(&engine, &cfg, &ops, NULL), 0);
}

static void feed(void)
{
	static uint64_t now = NW_NS_PER_S;

	ev.ts = now += NW_NS_PER_MS;
	ev.key.addr[1].b[15] = 2;
	ev.flags |= NW_EF_SYN_SEEN;
	assert_int_equal(nw_engine_event(engine, &ev), 0);
}

/* A VALIDATE request or response that says what s said. */
static void feed_validate(const struct said *s, bool request, bool is_signed, uint32_t max_output)
{
	said_event(&ev, s, request);
	ev.type = request ? NW_EV_VALIDATE_REQ : NW_EV_VALIDATE_RSP;
	ev.smb.flags |= is_signed ? NW_SMB2_F_SIGNED : 0;
	ev.smb.message_id = 4;
	ev.smb.max_output = max_output;
	ev.smb.fingerprint = request ? nw_fp_request(&ev.smb, ev.data + 80, ev.data + 104) :
				       nw_fp_response(&ev.smb, ev.data + 76);
	feed();
}

static void end(void)
{
	nw_engine_flush(engine);
	nw_engine_free(&engine);
}

static const char *name_of(uint8_t side)
{
	return seen.family[side] ? seen.family[side]->name : "unknown";
}

/* The pair alone, and what comes of it. */
static void talk(const struct said *q, const struct said *r)
{
	begin();
	said_event(&ev, q, true);
	feed();
	said_event(&ev, r, false);
	feed();
	end();
}

static void each_is_recognised(void **state)
{
	unsigned int i;

	for (i = 0; i < said_n_clients; i++) {
		talk(&said_clients[i], &said_servers[0]);
		if (strcmp(name_of(NW_C2S), said_clients[i].want ? said_clients[i].want : "unknown"))
			fail_msg("client %u: %s, not %s", i, name_of(NW_C2S), said_clients[i].want);
		assert_true(impl[NW_C2S]);
	}
	for (i = 0; i < said_n_servers; i++) {
		talk(&said_clients[0], &said_servers[i]);
		if (strcmp(name_of(NW_S2C), said_servers[i].want ? said_servers[i].want : "unknown"))
			fail_msg("server %u: %s, not %s", i, name_of(NW_S2C), said_servers[i].want);
		assert_true(impl[NW_S2C]);
	}
}

/* --- altered ones ------------------------------------------------------------------------------------ */

static void validate_counts_more(void **state)
{
	struct said told = said_clients[2], mac = said_clients[6], smb = said_clients[10],
		    srv = said_servers[0];

	/* 3.1.1 was taken away, with its contexts: signed, Windows asks for 24 bytes, macOS for 40. */
	memcpy(told.dialects, (uint16_t[6]){ 0x202, 0x210, 0x300, 0x302 }, 12);
	told.contexts = NULL;
	begin();
	said_event(&ev, &told, true);
	feed();
	said_event(&ev, &srv, false);
	feed();
	feed_validate(&said_clients[2], true, true, 24);
	end();
	assert_string_equal(name_of(NW_C2S), "windows-10");
	assert_int_equal(seen.family[NW_C2S]->sure, NW_SURE_ONE);
	begin();
	said_event(&ev, &told, true);
	feed();
	said_event(&ev, &srv, false);
	feed();
	feed_validate(&mac, true, true, 40);
	end();
	assert_string_equal(name_of(NW_C2S), "macos");
	begin();
	said_event(&ev, &told, true);
	feed();
	said_event(&ev, &srv, false);
	feed();
	feed_validate(&said_clients[2], true, true, 100);
	end();
	assert_string_equal(name_of(NW_C2S), "unknown");
	/* Not signed: proves nothing, and the NEGOTIATE counts. */
	begin();
	said_event(&ev, &told, true);
	feed();
	said_event(&ev, &srv, false);
	feed();
	feed_validate(&said_clients[2], true, false, 24);
	end();
	assert_string_equal(name_of(NW_C2S), "windows-8.1");
	/* The GUID, capabilities, mode: Samba is known by something else, the server by what is signed. */
	smb.guid = "sTRBqwertyuiopAS";
	smb.caps = 0;
	srv.guid = said_clients[0].guid;
	begin();
	said_event(&ev, &smb, true);
	feed();
	said_event(&ev, &srv, false);
	feed();
	feed_validate(&said_clients[10], true, true, 24);
	feed_validate(&said_servers[0], false, true, 0);
	end();
	assert_string_equal(name_of(NW_C2S), "samba-client");
	assert_string_equal(name_of(NW_S2C), "samba");
}

/* --- the project's own captures ---------------------------------------------------------------------- */

struct replay {
	struct nw_tap *tap;
};

static int to_engine(void *arg, const struct nw_event *e)
{
	return nw_engine_event(engine, e);
}

static int to_tap(void *arg, struct nw_tap_packet *p)
{
	return nw_tap_packet(((struct replay *)arg)->tap, p);
}

static void read_capture(const char *name)
{
	static const uint16_t ports[] = { 445, 139 };
	struct nw_tap_config cfg = { .ports = ports, .n_ports = 2 };
	struct nw_capture_info info;
	struct replay r = { 0 };
	char path[200];

	snprintf(path, sizeof(path), "tests/captures/%s.pcap", name);
	begin();
	assert_int_equal(nw_tap_new(&r.tap, &cfg, to_engine, NULL), 0);
	assert_int_equal(nw_capture_read(path, to_tap, &r, &info), 0);
	nw_tap_free(&r.tap);
	end();
}

/* One smbclient and one smbd, many runs: GUID altered, request cut to 7 bytes, over IPv6. */
static void captures_of_one_implementation(void **state)
{
	static const char *const same[] = {
		"untouched-3.0.2.srv", "untouched-3.0.2.cli",  "request-guid.srv",
		"request-guid.cli",    "request-7-bytes.cli",  "ipv6-request-mode.cli",
		"answer-unsigned.srv", "response-dialect.srv", "request-highest-dialect.cli",
		"request-reset.srv"
	};
	uint64_t first[2] = { 0 };
	unsigned int i;

	for (i = 0; i < NW_ARRAY_SIZE(same); i++) {
		read_capture(same[i]);
		if (strcmp(name_of(NW_C2S), "samba-client") || strcmp(name_of(NW_S2C), "samba"))
			fail_msg("%s: %s, %s", same[i], name_of(NW_C2S), name_of(NW_S2C));
		if (!i)
			memcpy(first, impl, sizeof(first));
		if (impl[NW_C2S] != first[NW_C2S])
			fail_msg("%s: another fingerprint of the client", same[i]);
		/* The server's answer depends on the dialects and capabilities that reached it. */
		if (impl[NW_S2C] != first[NW_S2C] && !strstr(same[i], "highest") &&
		    !strstr(same[i], "7-bytes") && !strstr(same[i], "response"))
			fail_msg("%s: another fingerprint of the server", same[i]);
	}
	read_capture("untouched-3.1.1.srv");
	assert_string_equal(name_of(NW_C2S), "samba-client");
	assert_true(impl[NW_C2S] && impl[NW_C2S] != first[NW_C2S]);
	/* Altered: another fingerprint, the same family */
	read_capture("request-3.1.1-stripped.srv");
	assert_string_equal(name_of(NW_C2S), "samba-client");
	read_capture("response-capabilities.cli");
	assert_string_equal(name_of(NW_S2C), "samba");
	assert_true(impl[NW_S2C] != first[NW_S2C]);
}

/* --- the words --------------------------------------------------------------------------------------- */

static void rows_are_complete(void **state)
{
	const struct nw_family *f;
	size_t i;

	for (i = 0; (f = nw_family_row(i)); i++) {
		assert_true(*f->name && *f->label && *f->evidence && f->side <= NW_S2C);
		assert_string_not_equal(nw_sure_text(f->sure), "unknown");
		assert_ptr_not_equal(nw_family_by_name(f->name, f->side), NULL);
		assert_true((f->side == NW_C2S) == (f->advice != NULL));
	}
	assert_null(nw_family_by_name("", NW_C2S));
	assert_null(nw_family_by_name("ksmbd", NW_C2S));
}

static void remedy_fits_the_ends(void **state)
{
	const struct nw_family *w10 = nw_family_by_name("windows-10", NW_C2S),
			       *w8 = nw_family_by_name("windows-8.1", NW_C2S),
			       *cifs = nw_family_by_name("linux-cifs", NW_C2S),
			       *mac = nw_family_by_name("macos", NW_C2S),
			       *smbd = nw_family_by_name("samba", NW_S2C), *f;
	static char out[NW_REMEDY_MAX];
	const struct nw_rule *r = nw_rule_by_number(101);
	size_t i, k;

	assert_string_equal(nw_remedy(out, r, NULL, NULL), r->remedy);
	assert_non_null(strstr(out, "Value 0"));
	assert_non_null(strstr(nw_remedy(out, r, w8, NULL), "Value 0"));
	assert_null(strstr(nw_remedy(out, r, w10, NULL), "Value 0"));
	assert_non_null(strstr(out, "can't be switched off"));
	assert_null(strstr(nw_remedy(out, r, cifs, smbd), "RequireSecureNegotiate"));
	assert_non_null(strstr(out, "NT_STATUS_ACCESS_DENIED"));
	assert_non_null(strstr(nw_remedy(out, r, mac, NULL), "validate_neg_off"));
	assert_non_null(strstr(nw_remedy(out, nw_rule_by_number(102), w10, smbd), "31012"));
	assert_null(strstr(out, "smb2:10"));
	for (k = 0; k < nw_n_rules; k++)
		for (i = 0; (f = nw_family_row(i)); i++) {
			nw_remedy(out, &nw_rules[k], f->side == NW_C2S ? f : NULL, f->side ? f : NULL);
			assert_true(strlen(out) < NW_REMEDY_MAX - 1 && !strstr(out, "\n\n\n"));
			assert_true(out[strlen(out) - 1] != ' ');
		}
}

static void hints_are_named_once(void **state)
{
	unsigned int both = NW_OPT_RIVERBED_PROBE | NW_OPT_RIVERBED_TRANS, i;
	const char *name;

	assert_int_equal(nw_path_hints(both | NW_OPT_SCPS), NW_OPT_RIVERBED_PROBE | NW_OPT_SCPS);
	assert_int_equal(nw_path_hints(NW_OPT_RIVERBED_TRANS), NW_OPT_RIVERBED_TRANS);
	assert_int_equal(nw_path_hints(NW_OPT_EXINDA | NW_OPT_EXINDA_OLD), NW_OPT_EXINDA | NW_OPT_EXINDA_OLD);
	for (i = 0; (name = nw_path_hint_name(i)); i++)
		assert_non_null(nw_path_hint_text(name));
	assert_int_equal(i, 6);
	assert_null(nw_path_hint_text("steelhead"));
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_recognised),
		cmocka_unit_test(validate_counts_more),
		cmocka_unit_test(captures_of_one_implementation),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(remedy_fits_the_ends),
		cmocka_unit_test(hints_are_named_once),
	};

	return cmocka_run_group_tests_name("family", tests, NULL, NULL);
}
