// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The packets behind a report, within the page: who gets it can open them without asking for more. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "../util/util.h"

/* A page that mail servers take; as base64 it is a third more. */
#define FILE_MAX_BYTES (1024 * 1024)

void nw_report_file_free(struct nw_report_file *file)
{
	free(file->name);
	free(file->bytes);
}

const char *nw_report_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(path, "-") == 0)
		return "standard input";
	return slash ? slash + 1 : path;
}

/* All of the file. NULL with *reason if there is more than may be, or it can't be read. */
static uint8_t *content(const char *path, size_t *size, const char **reason)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t done = 0;
	struct stat st;
	ssize_t n = 1;

	*reason = "it can't be read";
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	*size = S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
	*reason = !S_ISREG(st.st_mode) ? "it is no file that stays" : "it has 1 MiB or more";
	if (!S_ISREG(st.st_mode) || st.st_size >= FILE_MAX_BYTES)
		return NULL;
	bytes = malloc(FILE_MAX_BYTES);
	*reason = "there is no memory for it";
	if (!bytes)
		return NULL;
	while (n > 0 && done < FILE_MAX_BYTES) {
		n = read(fd, bytes + done, FILE_MAX_BYTES - done);
		done += n > 0 ? (size_t)n : 0;
	}
	*reason = n < 0 ? "it can't be read" : "it has 1 MiB or more";
	if (n != 0)
		return NULL;
	*size = done;
	*reason = NULL;
	return TAKE_PTR(bytes);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

int nw_report_attach(const char *path, struct nw_report_file *file)
{
	bool input = strcmp(path, "-") == 0;

	*file = (struct nw_report_file){ .name = strdup(nw_report_base_name(path)),
					 .type = "application/vnd.tcpdump.pcap",
					 .reason = "it was read once" };
	if (!file->name)
		return -ENOMEM;
	if (ends_with(path, ".gz"))
		file->type = "application/gzip";
	if (!input)
		file->bytes = content(path, &file->size, &file->reason);
	return 0;
}

int nw_report_evidence(const struct nw_cli *cli, const json_t *alert, uint64_t id,
		       struct nw_report_file *file)
{
	const char *name = nw_str(alert, "negwatch.evidence");
	json_t *reply = NULL;
	int err;

	if (!*name)
		return -ENOENT;
	if (nw_ask(cli, json_pack("{s:s,s:I}", "cmd", "evidence", "id", (json_int_t)id), &reply)) {
		*file = (struct nw_report_file){ .name = strdup(name),
						 .reason = "the daemon has it no more" };
		err = file->name ? 0 : -ENOMEM;
	} else {
		err = nw_report_attach(nw_str(reply, "path"), file);
	}
	json_decref(reply);
	return err;
}

static void one(struct nw_html *h, const struct nw_report_file *f)
{
	nw_html_open(h, "li", NULL);
	if (f->bytes) {
		nw_html_open(h, "a", NULL);
		nw_html_attr(h, "download", "%s", f->name);
		nw_html_attr_data(h, "href", f->type, f->bytes, f->size);
		nw_html_text(h, "%s", f->name);
		nw_html_close(h);
		nw_html_text(h, " (%zu bytes%s)", f->size,
			     strcmp(f->type, "application/json") ? ", opens in Wireshark" : "");
	} else {
		nw_html_text(h, "%s is not in this page: %s.", f->name, f->reason);
	}
	nw_html_close(h);
}

void nw_report_files(struct nw_html *h, const struct nw_report_file *files, size_t n)
{
	if (!n)
		return;
	nw_html_open(h, "section", "evidence");
	nw_html_leaf(h, "h2", NULL, "Evidence");
	nw_html_leaf(h, "p", NULL, "Each link saves what is inside this page; nothing is fetched.");
	nw_html_open(h, "ul", NULL);
	for (size_t i = 0; i < n; i++)
		one(h, &files[i]);
	nw_html_close(h);
	nw_html_close(h);
}
