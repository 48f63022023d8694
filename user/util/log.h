/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages about the program's own work, to stderr. Levels are those of <syslog.h>. When stderr is the
 * journal's ($JOURNAL_STREAM names it), each line begins with its level as "<N>". Alerts don't go this way.
 */
#ifndef NW_LOG_H
#define NW_LOG_H

#include <stdarg.h>
#include <syslog.h>

/* Messages beyond max_level are dropped; the start value is LOG_INFO. Looks at $JOURNAL_STREAM. */
void nw_log_init(int max_level);
int nw_log_max(void);

/*
 * From now on messages go to fn instead of stderr, without level or newline; NULL: to stderr again. What fn
 * itself logs is dropped.
 */
void nw_log_to(void (*fn)(void *arg, int level, const char *text), void *arg);

/* As nw_log_to(), but the messages go where they went before as well; NULL ends it. */
void nw_log_tee(void (*fn)(void *arg, int level, const char *text), void *arg);

/* One message, without a newline at its end. Control characters become question marks. */
void nw_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nw_logv(int level, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* Logs and returns err, a negative errno; %m in the format is its text. */
int nw_log_r(int level, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define nw_err(...) nw_log(LOG_ERR, __VA_ARGS__)
#define nw_warn(...) nw_log(LOG_WARNING, __VA_ARGS__)
#define nw_info(...) nw_log(LOG_INFO, __VA_ARGS__)
#define nw_debug(...) nw_log(LOG_DEBUG, __VA_ARGS__)
#define nw_err_r(err, ...) nw_log_r(LOG_ERR, err, __VA_ARGS__)

#endif
