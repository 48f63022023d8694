// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The one loop: every source gets its turn, none can starve the others, and nothing in it blocks. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "daemon.h"
#include "notify.h"
#include "peers.h"
#include "../util/log.h"
#include "../util/time.h"
#include "../util/util.h"

/* Events between two looks at timers and sockets: some hundred microseconds of work. */
#define BUDGET 256
/* How often the kernel's counters are compared: a ring that fell silent shows no gap. */
#define COUNTERS_EVERY NW_NS_PER_S
/* News about links come in bursts. */
#define LINKS_DELAY (50 * NW_NS_PER_MS)
/* How often an interface that can't be watched is tried again: nobody tells when XDP gets free. */
#define LINKS_RETRY (10 * NW_NS_PER_S)
/* A line of the journal waits at most this long for the disk while events keep coming. */
#define SYNC_DELAY (100 * NW_NS_PER_MS)

struct loop {
	struct nw_daemon *d;
	int epoll_fd, signal_fd, timer_fd, link_fd;
	bool stop;
	bool drained; /* the ring is empty: time may go on without it */
	uint64_t engine_due, counters_due, links_due, watchdog_due, peers_due, metrics_due, alerts_due,
		evidence_due, synced;
	uint64_t watchdog; /* interval, 0: none */
	uint64_t armed;	   /* when the timer ends the waiting, 0: never */
};

static void loop_close(struct loop *l)
{
	nw_closep(&l->epoll_fd);
	nw_closep(&l->signal_fd);
	nw_closep(&l->timer_fd);
	nw_closep(&l->link_fd);
}

/* In each round, whatever it was that ended the waiting: not every event does (bpf/wake.h). */
static int read_ring(struct loop *l)
{
	int n = nw_live_consume(l->d->live, BUDGET);

	if (n < 0)
		return nw_err_r(n, "The ring buffer can't be read: %m");
	l->drained = n < BUDGET;
	return 0;
}

static int on_wakeup(struct loop *l)
{
	return 0;
}

static void look_at_links(struct loop *l, uint64_t when)
{
	if (!l->links_due || l->links_due > when)
		l->links_due = when;
}

static int on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	if (read(l->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	switch (info.ssi_signo) {
	case SIGHUP:
		nw_daemon_reload(l->d);
		break;
	case SIGUSR1:
		nw_daemon_log_stats(l->d);
		break;
	default:
		l->stop = true;
	}
	return 0;
}

static int on_timer(struct loop *l)
{
	uint64_t times;

	/* What is due is looked up in every round; the timer only ends the waiting. */
	l->armed = 0;
	return read(l->timer_fd, &times, sizeof(times)) < 0 && errno != EAGAIN ? -errno : 0;
}

static int on_control(struct loop *l)
{
	nw_control_dispatch(l->d->control, nw_monotonic());
	return 0;
}

static int on_links(struct loop *l)
{
	nw_netlink_drain(l->link_fd);
	look_at_links(l, nw_monotonic() + LINKS_DELAY);
	return 0;
}

/* One row for each source; the index is epoll's data. */
static int (*const handlers[])(struct loop *l) = { on_wakeup, on_signal, on_timer, on_control, on_links };

static int loop_open(struct loop *l)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < 4; i++)
		sigaddset(&set, (const int[]){ SIGTERM, SIGINT, SIGHUP, SIGUSR1 }[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->link_fd = nw_netlink_watch();
	int fds[] = { nw_live_fd(l->d->live), l->signal_fd, l->timer_fd, nw_control_fd(l->d->control),
		      l->link_fd };

	for (uint32_t i = 0; i < NW_ARRAY_SIZE(fds); i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		if (fds[i] < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fds[i], &ev) < 0)
			return nw_err_r(errno ? -errno : -EIO, "The event loop can't be set up: %m");
	}
	return 0;
}

static bool due(uint64_t when, uint64_t now)
{
	return when && now >= when;
}

/* Everything that goes by the clock. */
static void run_timers(struct loop *l, uint64_t now)
{
	struct nw_daemon *d = l->d;
	/* Before the engine takes silence for an answer. */
	bool counters = due(l->counters_due, now) || due(l->engine_due, now);
	bool sync;

	nw_daemon_look_for_losses(d, now, counters);
	if (counters)
		l->counters_due = now + COUNTERS_EVERY;
	/* The engine's clock must not run ahead of events that still wait in the ring. */
	if (l->drained)
		l->engine_due = nw_engine_tick(d->engine, now);
	if (d->reloaded) {
		d->reloaded = false;
		look_at_links(l, now + LINKS_RETRY);
	}
	if (due(l->links_due, now)) {
		l->links_due = 0;
		if (!nw_daemon_links_changed(d))
			look_at_links(l, now + LINKS_RETRY);
	}
	if (due(nw_control_due(d->control), now))
		nw_control_tick(d->control, now);
	sync = l->drained || now - l->synced > SYNC_DELAY;
	if (sync)
		l->synced = now;
	l->alerts_due = nw_alerts_tick(d, now, sync);
	/* Behind the alerts: they don't wait for it. */
	l->evidence_due = nw_evidence_tick(d->evidence, now, nw_wall_offset());
	l->peers_due = nw_daemon_peers_tick(d, now);
	l->metrics_due = nw_metrics_tick(d, now);
	if (due(l->watchdog_due, now)) {
		nw_notify("WATCHDOG=1");
		l->watchdog_due = now + l->watchdog;
	}
}

static void arm_timer(struct loop *l)
{
	const uint64_t when[] = { l->engine_due,   l->counters_due,
				  l->links_due,	   nw_control_due(l->d->control),
				  l->alerts_due,   l->evidence_due,
				  l->watchdog_due, l->peers_due,
				  l->metrics_due };
	struct itimerspec spec = { 0 };
	uint64_t first = 0;

	for (size_t i = 0; i < NW_ARRAY_SIZE(when); i++)
		if (when[i] && (!first || when[i] < first))
			first = when[i];
	/* Most rounds leave it as it is. */
	if (first == l->armed)
		return;
	l->armed = first;
	spec.it_value.tv_sec = (time_t)(first / NW_NS_PER_S);
	spec.it_value.tv_nsec = (long)(first % NW_NS_PER_S);
	timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

int nw_loop_run(struct nw_daemon *d)
{
	_cleanup_(loop_close) struct loop l = {
		.d = d,
		.epoll_fd = -1,
		.signal_fd = -1,
		.timer_fd = -1,
		.link_fd = -1,
		.drained = true,
		.watchdog = nw_notify_watchdog(),
	};
	struct epoll_event ready[NW_ARRAY_SIZE(handlers)];
	uint64_t now = nw_monotonic();
	int err = loop_open(&l);

	l.counters_due = now + COUNTERS_EVERY;
	l.links_due = now; /* what changed between the start's look and the watch */
	l.watchdog_due = l.watchdog ? now + l.watchdog : 0;
	nw_notify(err ? "STOPPING=1" : "READY=1\nSTATUS=watching");
	while (!err && !l.stop) {
		int n;

		arm_timer(&l);
		n = epoll_wait(l.epoll_fd, ready, NW_ARRAY_SIZE(handlers), l.drained ? -1 : 0);
		/* EINTR: stopped and continued. */
		if (n < 0 && errno != EINTR)
			err = nw_err_r(-errno, "The event loop fails: %m");
		/* Read before the ring: what the ring then holds is not older than what is due. */
		now = nw_monotonic();
		err = err ? err : read_ring(&l);
		for (int i = 0; i < n && !err; i++)
			err = handlers[ready[i].data.u32](&l);
		if (!err)
			run_timers(&l, now);
	}
	nw_notify("STOPPING=1");
	return err;
}
