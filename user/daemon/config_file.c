// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The reader of the configuration: files of `key = value` lines, conf.d, and --option. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "../util/log.h"
#include "../util/util.h"

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* Splits "key = value" in place; false if there is no "=". */
static bool split(char *text, char **key, char **value)
{
	char *equals = strchr(text, '=');

	if (!equals)
		return false;
	*equals = '\0';
	*key = trim(text);
	*value = trim(equals + 1);
	return true;
}

int nw_config_option(struct nw_config *cfg, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *key, *value, why[512];

	if (!copy)
		return nw_err_r(-ENOMEM, "--option %s: out of memory", text);
	if (!split(copy, &key, &value))
		return nw_err_r(-EINVAL, "--option %s: expected KEY=VALUE", text);
	if (nw_config_set(cfg, key, value, why, sizeof(why)) < 0)
		return nw_err_r(-EINVAL, "--option %s", why);
	return 0;
}

static int read_file(struct nw_config *cfg, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	char *text, *key, *value, why[512];
	size_t size = 0;
	int n = 0, err = 0;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) >= 0) {
		n++;
		text = trim(line);
		/* One section of this name is allowed: many tools insist on one. */
		if (!*text || *text == '#' || *text == ';' || strcmp(text, "[negwatchd]") == 0)
			continue;
		if (!split(text, &key, &value))
			err = nw_err_r(-EINVAL, "%s:%d: expected `key = value`", path, n);
		else if (nw_config_set(cfg, key, value, why, sizeof(why)) < 0)
			err = nw_err_r(-EINVAL, "%s:%d: %s", path, n, why);
	}
	/* Without memory getline() ends as it does at the end of the file. */
	return ferror(f) ? -EIO : feof(f) ? err : -ENOMEM;
}

static int is_conf(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && dot != e->d_name && strcmp(dot, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	/* Not alphasort(): the order must not depend on the locale. */
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* All of conf.d, whatever the first errors are: they are told at once. 0 or -EINVAL. */
static int read_directory(struct nw_config *cfg, const char *file)
{
	const char *slash = strrchr(file, '/');
	char directory[PATH_MAX], path[PATH_MAX];
	struct dirent **list;
	int n, err = 0;

	snprintf(directory, sizeof(directory), "%.*sconf.d", slash ? (int)(slash - file + 1) : 0, file);
	n = scandir(directory, &list, is_conf, by_name);
	if (n < 0 && errno != ENOENT)
		err = nw_err_r(-EINVAL, "The configuration directory %s can't be read: %s", directory,
			       strerror(errno));
	for (int i = 0; i < n; i++) {
		int one = -ENAMETOOLONG;

		if (snprintf(path, sizeof(path), "%s/%s", directory, list[i]->d_name) < (int)sizeof(path))
			one = read_file(cfg, path);
		if (one && one != -EINVAL)
			nw_err("The configuration file %s can't be read: %s", path, strerror(-one));
		err = one ? -EINVAL : err;
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return err;
}

int nw_config_read(struct nw_config *cfg, const char *path)
{
	int err = read_file(cfg, path), more = read_directory(cfg, path);

	return !err || err == -ENOENT ? (more ? more : err) : err;
}
