// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configuration keys and files; the control socket's manners; the store of alerts. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

#include <cmocka.h>

#include "../../user/daemon/config.h"
#include "../../user/daemon/control.h"
#include "../../user/daemon/store.h"
#include "../../user/util/log.h"
#include "../../user/util/util.h"

#define S 1000000000ULL

static char dir[] = "/tmp/nw-test-config.XXXXXX";

static void defaults_are_those_of_the_design(void **state)
{
	struct nw_config c;

	nw_config_defaults(&c);
	assert_int_equal(c.interfaces.n, 1);
	assert_string_equal(c.interfaces.name[0], "auto");
	assert_int_equal(c.ingress, NW_HOW_AUTO);
	assert_int_equal(c.ports.n, 2);
	assert_int_equal(c.ports.port[0], 445);
	assert_int_equal(c.ports.port[1], 139);
	assert_string_equal(c.syslog_socket, "/dev/log");
	assert_int_equal(c.syslog_facility, LOG_AUTHPRIV);
	assert_int_equal(c.answer_timeout, 10 * S);
	assert_int_equal(c.outcome_wait, S / 2);
	assert_int_equal(c.abort_window, 30 * S);
	assert_int_equal(c.max_flows, 65536);
	assert_int_equal(c.ring_bytes, 4 << 20);
}

static void values_are_judged(void **state)
{
	static const struct {
		const char *key, *value;
		int err;
	} rows[] = {
		{ "interfaces", "eth0", 0 },
		{ "interfaces", "eth0, bond0.10 veth1", 0 },
		{ "interfaces", "auto", 0 },
		{ "interfaces", "auto, !docker*", 0 },
		{ "interfaces", "!exactly-15-byte", 0 },
		{ "interfaces", "eth*, ens[0-9]*", 0 },
		{ "interfaces", "!", -EINVAL },
		{ "interfaces", "eth0:1", -EINVAL },
		{ "interfaces", "../eth0", -EINVAL },
		{ "interfaces", ", ,", -EINVAL },
		{ "interfaces", "", -EINVAL },
		{ "interfaces", "a-name-of-sixteen", -EINVAL },
		{ "ingress", "xdp", 0 },
		{ "ingress", "tc", 0 },
		{ "ingress", "fast", -EINVAL },
		{ "egress", "clsact", 0 },
		{ "egress", "xdp", -EINVAL },
		{ "ports", "445", 0 },
		{ "ports", "445,1445 , 139", 0 },
		{ "ports", "0", -EINVAL },
		{ "ports", "65536", -EINVAL },
		{ "ports", "smb", -EINVAL },
		{ "ports", "445x", -EINVAL },
		{ "ports", "-1", -EINVAL },
		{ "run_dir", "/run/x", 0 },
		{ "run_dir", "x", -EINVAL },
		{ "syslog_socket", "none", 0 },
		{ "syslog_socket", "log", -EINVAL },
		{ "syslog_facility", "local3", 0 },
		{ "syslog_facility", "local8", -EINVAL },
		{ "syslog_format", "cee", 0 },
		{ "syslog_format", "journal", 0 },
		{ "syslog_format", "json", -EINVAL },
		{ "syslog_severity", "auto", 0 },
		{ "syslog_severity", "101=alert, 110=notice", 0 },
		{ "syslog_severity", "101=loud", -EINVAL },
		{ "syslog_severity", "100=crit", -EINVAL },
		{ "syslog_severity", "101", -EINVAL },
		{ "syslog_severity", ",", -EINVAL },
		{ "syslog_severity", "65637=crit", -EINVAL },
		{ "answer_timeout", "2", 0 },
		{ "answer_timeout", "2.5", 0 },
		{ "answer_timeout", "250 ms", 0 },
		{ "answer_timeout", "250ms", 0 },
		{ "answer_timeout", "0", -EINVAL },
		{ "answer_timeout", "-1", -EINVAL },
		{ "answer_timeout", "nan", -EINVAL },
		{ "answer_timeout", "1 year", -EINVAL },
		{ "max_flows", "100000", 0 },
		{ "max_flows", "1", -EINVAL },
		{ "max_peers", "65536", 0 },
		{ "max_peers", "65537", -EINVAL },
		{ "max_flows", "99999999999999999999", -EINVAL },
		{ "ring_buffer_kib", "1024", 0 },
		{ "ring_buffer_kib", "1000", -EINVAL },
		{ "Ports", "445", -ENOENT },
		{ "", "", -ENOENT },
	};
	struct nw_config c;
	char why[512];

	nw_config_defaults(&c);
	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		int err = nw_config_set(&c, rows[i].key, rows[i].value, why, sizeof(why));

		if (err != rows[i].err)
			fail_msg("%s = %s: %d, wanted %d", rows[i].key, rows[i].value, err, rows[i].err);
	}
	nw_config_set(&c, "interfaces", "eth0, bond0.10 veth1", why, sizeof(why));
	assert_int_equal(c.interfaces.n, 3);
	assert_string_equal(c.interfaces.name[1], "bond0.10");
	nw_config_set(&c, "answer_timeout", "2.5 s", why, sizeof(why));
	assert_int_equal(c.answer_timeout, 5 * S / 2);
}

static void interfaces_are_chosen(void **state)
{
	static const struct {
		const char *value, *name;
		bool has_address, want;
	} rows[] = {
		{ "auto", "eth0", true, true },
		{ "auto", "eth0", false, false },
		{ "eth0", "eth0", false, true },
		{ "eth0", "eth01", true, false },
		{ "eth*", "eth12", false, true },
		{ "eth?", "eth12", false, false },
		{ "ens[0-9]*", "ens3f0", false, true },
		{ "ens[0-9]*", "ensx", false, false },
		{ "!docker*", "eth0", true, true },
		{ "!docker*", "eth0", false, false },
		{ "!docker*", "docker0", true, false },
		{ "!docker*, auto, lo", "lo", false, true },
		{ "auto, !docker*", "docker0", true, false },
		{ "eth*, !eth1", "eth1", true, false },
		{ "eth*, !eth1", "eth2", false, true },
		{ "*", "anything", false, true },
		{ "*, !auto", "eth0", true, false },
	};
	struct nw_config c;
	char why[512];

	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		nw_config_defaults(&c);
		assert_int_equal(nw_config_set(&c, "interfaces", rows[i].value, why, sizeof(why)), 0);
		if (nw_wanted(&c.interfaces, rows[i].name, rows[i].has_address) != rows[i].want)
			fail_msg("interfaces = %s: %s is%s wanted", rows[i].value, rows[i].name,
				 rows[i].want ? " not" : "");
	}
	assert_true(nw_wanted_is_name("eth0") && !nw_wanted_is_name("eth*") && !nw_wanted_is_name("!eth0") &&
		    !nw_wanted_is_name("auto"));
}

static int read_text(struct nw_config *c, const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/conf", dir);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	return nw_config_read(c, path);
}

static void files_are_read(void **state)
{
	struct nw_config c;

	nw_config_defaults(&c);
	assert_int_equal(
		read_text(&c, "# comment\n\n; other\n[negwatchd]\n  ports =  1445  \r\nmax_flows=100"), 0);
	assert_int_equal(c.ports.port[0], 1445);
	assert_int_equal(c.max_flows, 100);
	assert_int_equal(read_text(&c, "ports 445\n"), -EINVAL);
	assert_int_equal(read_text(&c, "prots = 445\n"), -EINVAL);
	assert_int_equal(read_text(&c, "[other]\n"), -EINVAL);
	/* what is right in a file with errors is still read, so that all errors are told at once */
	assert_int_equal(read_text(&c, "x = 1\nports = 2445\n"), -EINVAL);
	assert_int_equal(c.ports.port[0], 2445);
	assert_int_equal(nw_config_read(&c, "/nonexistent/negwatchd.conf"), -ENOENT);
}

static void write_text(const char *name, const char *text)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* In the order of the names, behind the file itself, and only *.conf. */
static void conf_d_is_read(void **state)
{
	static const char *const names[] = { "10-a.conf", "20-b.conf", "90-c.conf~", ".conf", "C.CONF" };
	struct nw_config c;
	char path[80];

	snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	write_text("conf.d/20-b.conf", "ports = 2\nmax_peers = 20\n");
	write_text("conf.d/10-a.conf", "[negwatchd]\nports = 1\nmax_flows = 1000\n");
	write_text("conf.d/90-c.conf~", "ports = 3\n");
	write_text("conf.d/.conf", "ports = 4\n");
	write_text("conf.d/C.CONF", "ports = 5\n");
	nw_config_defaults(&c);
	assert_int_equal(read_text(&c, "ports = 9\nmax_peers = 100\n"), 0);
	assert_int_equal(c.ports.port[0], 2);
	assert_int_equal(c.max_flows, 1000);
	assert_int_equal(c.max_peers, 20);
	/* an error in one of them is one of all; the others are read nevertheless */
	write_text("conf.d/10-a.conf", "prots = 1\n");
	write_text("conf.d/20-b.conf", "max_peers = 30\n");
	assert_int_equal(read_text(&c, "ports = 9\n"), -EINVAL);
	assert_int_equal(c.max_peers, 30);
	/* without the file itself they count alone */
	snprintf(path, sizeof(path), "%s/conf", dir);
	unlink(path);
	write_text("conf.d/10-a.conf", "ports = 1\n");
	assert_int_equal(nw_config_read(&c, path), -ENOENT);
	assert_int_equal(c.ports.port[0], 1);
	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/conf.d/%s", dir, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(rmdir(path), 0);
}

static void shipped_file_holds_the_defaults(void **state)
{
	struct nw_config c, d;
	struct nw_config_key key;
	char line[256], text[4096] = "";
	unsigned int n = 0;
	FILE *f = fopen("scripts/negwatchd.conf", "r");

	assert_non_null(f);
	nw_config_defaults(&c);
	nw_config_defaults(&d);
	assert_int_equal(nw_config_read(&c, "scripts/negwatchd.conf"), 0);
	assert_memory_equal(&c, &d, sizeof(c));
	/* and what it comments out are the defaults */
	while (fgets(line, sizeof(line), f))
		if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z') {
			strcat(text, line + 1);
			n++;
		}
	fclose(f);
	for (size_t i = 0; nw_config_key_at(i, &key); i++)
		n--;
	assert_int_equal(n, 0); /* each key is there */
	memset(&c, 0, sizeof(c));
	assert_int_equal(read_text(&c, text), 0);
	assert_memory_equal(&c, &d, sizeof(c));
}

static void reload_tells_what_has_to_wait(void **state)
{
	struct nw_config a, b;
	char why[512];

	nw_config_defaults(&a);
	b = a;
	assert_null(nw_config_needs_restart(&a, &b));
	nw_config_set(&b, "syslog_facility", "local0", why, sizeof(why));
	assert_null(nw_config_needs_restart(&a, &b));
	nw_config_set(&b, "ports", "1445", why, sizeof(why));
	assert_string_equal(nw_config_needs_restart(&a, &b), "ports");
	nw_config_swap(&a, &b);
	assert_int_equal(a.syslog_facility, LOG_LOCAL0);
	assert_int_equal(a.ports.port[0], 445);
}

static bool answer(void *arg, const json_t *request, uid_t uid, FILE *out)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));

	if (cmd && strcmp(cmd, "big") == 0)
		for (int i = 0; i < 500000; i++)
			fputs("0123456789", out);
	else
		fprintf(out, "{\"cmd\":\"%s\"}", cmd ? cmd : "");
	return cmd && strcmp(cmd, "watch") == 0;
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" NW_CONTROL_SOCKET, dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Lets the daemon's side work, then reads what has come: the number of bytes, -1 nothing, 0 closed. */
static ssize_t talk(struct nw_control *c, int fd, const char *text, char *out, size_t size)
{
	ssize_t n;

	if (text)
		assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; i < 4; i++)
		nw_control_dispatch(c, 1);
	n = recv(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	return n;
}

static void control_answers_lines(void **state)
{
	struct nw_control *c, *second = NULL;
	char out[256];
	struct stat st;
	int fd;

	assert_int_equal(nw_control_new(&c, dir, answer, NULL), 0);
	assert_int_equal(nw_control_new(&second, dir, answer, NULL), -EBUSY);
	fd = dial();
	talk(c, fd, "{\"cmd\":\"a\"}\n", out, sizeof(out));
	assert_string_equal(out, "{\"cmd\":\"a\"}\n");
	/* pieces, several at once, and nonsense */
	assert_int_equal(talk(c, fd, "{\"cmd\":", out, sizeof(out)), -1);
	talk(c, fd, "\"b\"}\n{\"cmd\":\"c\"}\nnonsense\n", out, sizeof(out));
	assert_string_equal(out, "{\"cmd\":\"b\"}\n{\"cmd\":\"c\"}\n{\"cmd\":\"\"}\n");
	/* idle for too long */
	assert_true(nw_control_due(c) > 0);
	nw_control_tick(c, nw_control_due(c));
	assert_int_equal(talk(c, fd, NULL, out, sizeof(out)), 0);
	close(fd);
	nw_control_free(&c);
	snprintf(out, sizeof(out), "%s/" NW_CONTROL_SOCKET, dir);
	assert_int_equal(stat(out, &st), -1);
}

static void control_has_limits(void **state)
{
	struct nw_control *c;
	char out[256], *big = malloc(70000);
	int fd[34];

	assert_int_equal(nw_control_new(&c, dir, answer, NULL), 0);
	for (int i = 0; i < 34; i++) {
		fd[i] = dial();
		nw_control_dispatch(c, 1);
	}
	talk(c, fd[33], NULL, out, sizeof(out));
	assert_non_null(strstr(out, "too many clients"));
	talk(c, fd[0], "{\"cmd\":\"x\"}\n", out, sizeof(out));
	assert_string_equal(out, "{\"cmd\":\"x\"}\n");
	/* a request without end */
	memset(big, 'x', 70000);
	send(fd[1], big, 70000, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (int i = 0; i < 20; i++)
		nw_control_dispatch(c, 1);
	talk(c, fd[1], NULL, out, sizeof(out));
	assert_non_null(strstr(out, "larger than 64 KiB"));
	/* one that asks and doesn't read holds nobody up, and is dropped in the end */
	send(fd[2], "{\"cmd\":\"big\"}\n", 14, MSG_NOSIGNAL);
	nw_control_dispatch(c, 1);
	talk(c, fd[3], "{\"cmd\":\"y\"}\n", out, sizeof(out));
	assert_string_equal(out, "{\"cmd\":\"y\"}\n");
	nw_control_tick(c, 31 * S);
	for (int i = 0; i < 34; i++)
		close(fd[i]);
	nw_control_free(&c);
	free(big);
}

static void slow_watchers_are_told_what_they_missed(void **state)
{
	struct nw_control *c;
	static char line[1000], out[4 << 20];
	ssize_t n, total = 0;
	int fd;

	assert_int_equal(nw_control_new(&c, dir, answer, NULL), 0);
	fd = dial();
	talk(c, fd, "{\"cmd\":\"watch\"}\n", out, sizeof(out));
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 3000; i++)
		nw_control_publish(c, 1, line, sizeof(line));
	for (int i = 0; i < 3000; i++) {
		nw_control_dispatch(c, 1);
		n = recv(fd, out + total, sizeof(out) - 1 - (size_t)total, 0);
		total += n > 0 ? n : 0;
	}
	assert_true(total > 1000000 && total < 2000000);
	nw_control_publish(c, 1, "end", 3);
	total += recv(fd, out + total, sizeof(out) - 1 - (size_t)total, 0);
	out[total] = '\0';
	assert_non_null(strstr(out, "{\"lost\":"));
	assert_string_equal(out + total - 4, "end\n");
	close(fd);
	nw_control_free(&c);
}

static void store_keeps_the_newest(void **state)
{
	static struct nw_store s;

	for (uint64_t id = 1; id <= NW_STORE_MAX + 10; id++)
		nw_store_add(&s, id, NULL, "line", 4);
	assert_int_equal(s.count, NW_STORE_MAX);
	assert_int_equal(nw_store_at(&s, 0)->id, 11);
	assert_null(nw_store_find(&s, 10));
	assert_int_equal(nw_store_find(&s, NW_STORE_MAX + 10)->len, 4);
	assert_null(nw_store_at(&s, NW_STORE_MAX));
	nw_store_clear(&s);
	assert_int_equal(s.count, 0);
}

static int make_dir(void **state)
{
	nw_log_init(-1);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/conf", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_design),
		cmocka_unit_test(values_are_judged),
		cmocka_unit_test(interfaces_are_chosen),
		cmocka_unit_test(files_are_read),
		cmocka_unit_test(conf_d_is_read),
		cmocka_unit_test(shipped_file_holds_the_defaults),
		cmocka_unit_test(reload_tells_what_has_to_wait),
		cmocka_unit_test(control_answers_lines),
		cmocka_unit_test(control_has_limits),
		cmocka_unit_test(slow_watchers_are_told_what_they_missed),
		cmocka_unit_test(store_keeps_the_newest),
	};

	return cmocka_run_group_tests_name("config", tests, make_dir, remove_dir);
}
