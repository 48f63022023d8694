// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The second fingerprint: it names the implementation and not the machine, is unknown where a part of the
 * message is, and survives what lies.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "said.h"
#include "../../user/engine/engine.h"
#include "../../user/util/util.h"

#define MIB 0x100000

static struct nw_event ev;

/* All that a machine may have of its own, and all that changes from one connection to the next. */
static void fingerprint_names_no_machine(void **state)
{
	unsigned int i;

	for (i = 0; i < said_n_clients + said_n_servers; i++) {
		bool request = i < said_n_clients;
		const struct said *one = request ? &said_clients[i] : &said_servers[i - said_n_clients];
		struct said other = *one;
		struct nw_traits a, b;

		other.guid = "another-machine.";
		other.random = 3;
		other.credits += 7;
		other.charge ^= 1;
		if (one->process && one->process != 0xfeff && one->process < 0x10000)
			other.process++;
		if (one->mechs && one->buffer)
			other.buffer += 4; /* names in NEGOEX */
		said_event(&ev, one, request);
		nw_traits_read(&a, &ev);
		said_event(&ev, &other, request);
		ev.data[4 + 24] = 1; /* MessageId: behind an SMB1 start */
		nw_traits_read(&b, &ev);
		assert_true(a.fingerprint && a.fingerprint == b.fingerprint);
	}
}

static void fingerprint_names_the_implementation(void **state)
{
	static const char *const others[] = { "1 2:1,2 3:4,2,3,1+ 5",	"1 2:2,1 3:4,2,1,3+ 5",
					      "1 2:2,1 3:4,2,3,1 5",	"1 2:2,1 5 3:4,2,3,1+",
					      "2:2,1 1 3:4,2,3,1+ 5",	"1 2:2,1 3:4,2,3,1+",
					      "1 2:2,1 3:4,2,3,1+ 5 6", "1 2:2,1 3:4,2,3,1+ 5 8:1",
					      "1 2:2 3:4,2,3,1+ 5",	"1 2:2,1 3:4,2,3,1+ 5 9" };
	struct said c = said_clients[2], s = said_servers[5];
	uint64_t all[32];
	unsigned int n = 0, i, k;
	struct nw_traits t;

#define ADD(message, request)                                                                                \
	do {                                                                                                 \
		said_event(&ev, &(message), request);                                                        \
		nw_traits_read(&t, &ev);                                                                     \
		assert_true(t.fingerprint);                                                                  \
		all[n++] = t.fingerprint;                                                                    \
	} while (0)
	ADD(c, true);
	for (i = 0; i < NW_ARRAY_SIZE(others); i++) {
		c.contexts = others[i];
		ADD(c, true);
	}
	c = said_clients[2];
	c.mode = 3;
	ADD(c, true);
	c.caps = 0x77;
	ADD(c, true);
	c.process = 0;
	ADD(c, true);
	memcpy(c.dialects, (uint16_t[]){ 0x210, 0x202, 0x300, 0x302, 0x311 }, 10);
	ADD(c, true);
	ADD(s, false);
	s.max_transact = MIB;
	ADD(s, false);
	s.max = MIB;
	ADD(s, false);
	s.start_time = true;
	ADD(s, false);
	s.mechs = "nmkt";
	ADD(s, false);
	s.mechs = "nmtk";
	ADD(s, false);
	s.contexts = "1 2:1";
	ADD(s, false);
	s.mode = 1;
	ADD(s, false);
	s.caps = 7;
	ADD(s, false);
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			assert_true(all[i] != all[k]);
}

/*
 * What was not kept can't be known, and is never read: each message cut at each byte, in memory that ends
 * there.
 */
static void cut_messages_are_unknown(void **state)
{
	unsigned int i, cuts = 0, known = 0;
	struct nw_traits whole, t;
	uint32_t n;

	for (i = 0; i < said_n_clients + said_n_servers; i++) {
		bool request = i < said_n_clients;
		const struct said *one = request ? &said_clients[i] : &said_servers[i - said_n_clients];

		said_event(&ev, one, request);
		nw_traits_read(&whole, &ev);
		for (n = 0; n + 4 < ev.data_len; n++) {
			size_t size = offsetof(struct nw_event, data) + 4 + n;
			struct nw_event *cut = memcpy(malloc(size), &ev, size);

			cut->data_len = (uint16_t)(4 + n);
			nw_traits_read(&t, cut);
			free(cut);
			cuts++;
			known += t.fingerprint != 0;
			if (one->contexts)
				assert_int_equal(t.fingerprint, 0);
			else if (request)
				assert_true(!t.fingerprint || t.fingerprint == whole.fingerprint);
		}
	}
	print_message("# %u cut messages, %u of them known all the same\n", cuts, known);
}

/* Offsets, counts and lengths that point anywhere; ASan watches, and nothing loops. */
static void lying_messages_are_survived(void **state)
{
	static const uint8_t at[] = { 66,  70,	92,  93,  94,  96,  97,	 114, 115, 120,
				      121, 122, 124, 125, 129, 131, 139, 141, 145 };
	unsigned int i, k, v, runs = 0;
	struct nw_traits t;

	for (i = 0; i < said_n_clients + said_n_servers; i++)
		for (k = 0; k < NW_ARRAY_SIZE(at); k++)
			for (v = 0; v < 256; v += 5) {
				bool request = i < said_n_clients;
				struct nw_event *copy;
				size_t size;

				said_event(&ev,
					   request ? &said_clients[i] : &said_servers[i - said_n_clients],
					   request);
				ev.data[4 + at[k]] = (uint8_t)v;
				size = offsetof(struct nw_event, data) + ev.data_len;
				copy = memcpy(malloc(size), &ev, size);
				nw_traits_read(&t, copy);
				free(copy);
				runs++;
			}
	print_message("# %u lying messages\n", runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprint_names_no_machine),
		cmocka_unit_test(fingerprint_names_the_implementation),
		cmocka_unit_test(cut_messages_are_unknown),
		cmocka_unit_test(lying_messages_are_survived),
	};

	return cmocka_run_group_tests_name("impl", tests, NULL, NULL);
}
