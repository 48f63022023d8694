# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Builds, checks and installs negwatch. `make help` lists the targets. V=1 shows the commands.

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
prefix ?= /usr
sysconfdir ?= /etc
O ?= build

WARN = -Wall -Wextra -Werror -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CFLAGS ?= -O2 -g
NW_CFLAGS = -std=gnu17 $(WARN) -D_GNU_SOURCE -DNW_VERSION='"$(VERSION)"' -I. -I$(O)
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
	-I/usr/include/$(shell gcc -dumpmachine)
VERSION = 0.1.0

Q = $(if $(V),,@)
# Quiet with V=1 (make prints the commands) and with -s.
say = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-7s %s\n' '$(1)' '$(2)')

.DELETE_ON_ERROR:
.SECONDARY:

BPF_HEADERS = $(wildcard bpf/*.h bpf/wire/*.h)
USER_HEADERS = $(wildcard user/*/*.h)
BPF_OBJECTS = $(O)/negwatch.bpf.o $(O)/resets.bpf.o $(O)/empty.bpf.o

ENGINE = $(wildcard user/engine/*.c user/util/*.c)
TAP = user/source/tap.c
CAPTURE = $(TAP) $(patsubst %,user/source/%.c,capture blocks stream evidence_mark)
JSON = user/sink/flow_json.c user/sink/json_text.c
# Several places of one path (negwatch locate)
LOCATE = $(wildcard user/locate/*.c)
DAEMON = $(ENGINE) $(wildcard user/daemon/*.c user/sink/*.c) user/source/live.c user/source/resets.c user/source/evidence_mark.c
# What the doctor shares with the daemon: the choice of hooks, the configuration, the programs themselves.
DOCTOR = $(patsubst %,user/daemon/%.c,config config_file wanted how choose xdp_look netlink own) \
	$(patsubst %,user/sink/%.c,syslog syslog_format levels) user/source/live.c user/source/resets.c \
	user/daemon/clsact.c $(wildcard user/doctor/*.c user/cost/*.c)
CLI = $(ENGINE) $(CAPTURE) $(JSON) $(LOCATE) $(DOCTOR) $(wildcard user/cli/*.c)

DAEMON_LIBS = -lbpf -lelf -lz -ljansson
CLI_LIBS = -lbpf -lelf -lz -ljansson -lsmartcols -lpcap

objs = $(patsubst %.c,$(O)/$(2)%.o,$(1))

all: $(O)/negwatchd $(O)/negwatch $(O)/empty.bpf.o docs ## build both programs, and their manuals

# Static pattern rules: $(O)/%.o below is for the host.
$(BPF_OBJECTS): $(O)/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@.tmp.o
	$(Q)$(BPFTOOL) gen object $@ $@.tmp.o
	@rm -f $@.tmp.o

$(O)/negwatch.skel.h: $(O)/negwatch.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name nw_bpf > $@

$(O)/resets.skel.h: $(O)/resets.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name nw_resets_bpf > $@

$(O)/empty.skel.h: $(O)/empty.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name empty_bpf > $@

$(O)/%.o: %.c $(BPF_HEADERS) $(USER_HEADERS) Makefile
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(NW_CFLAGS) -c $< -o $@

$(O)/user/source/live.o: $(O)/negwatch.skel.h
$(O)/user/source/resets.o: $(O)/resets.skel.h
$(O)/user/cost/test_run.o: $(O)/negwatch.skel.h $(O)/empty.skel.h

$(O)/negwatchd: $(call objs,$(DAEMON))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(DAEMON_LIBS)

$(O)/negwatch: $(call objs,$(CLI))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(CLI_LIBS)

# Manuals, completion and catalog come from the tables in the programs' own objects; each of these has a main of its own.
MAN = negwatch.1 negwatchd.8 negwatchd.conf.5
DOCS = $(addprefix $(O)/docs/,$(MAN) completion catalog)

$(O)/docs/%.o: $(O)/user/%/main.o
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-sym main=nw_$*_main $< $@

$(O)/nwdoc: $(call objs,$(wildcard user/doc/*.c) $(filter-out %/main.c,$(sort $(DAEMON) $(CLI)))) $(O)/docs/cli.o $(O)/docs/daemon.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(CLI_LIBS)

$(addprefix $(O)/docs/,$(MAN)): $(O)/docs/%: scripts/man/%.in $(O)/nwdoc
	$(call say,DOC,$@)
	$(Q)$(O)/nwdoc <$< >$@

$(O)/docs/completion $(O)/docs/catalog: $(O)/docs/%: scripts/%.in $(O)/nwdoc
	$(call say,DOC,$@)
	$(Q)$(O)/nwdoc <$< >$@

docs: $(DOCS)

# Tests. Each level prints TAP and can be run alone.
SAN = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# Parts of the daemon that need no kernel programs.
DAEMON_PURE = $(patsubst %,user/daemon/%.c,config config_file wanted how choose store control) \
	$(patsubst %,user/doctor/%.c,verdict host_checks if_checks)
# Captures as flows
READER = $(patsubst %,user/cli/%.c,capture_flows read_order read_progress read_turns)
UNIT = $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_LIB = $(filter-out user/daemon/main.c user/cli/main.c,\
	$(sort user/cli/html.c $(ENGINE) $(CAPTURE) $(LOCATE) $(wildcard user/sink/*.c) $(DAEMON_PURE) $(READER)) \
	$(wildcard tests/unit/lib_*.c))
PROG = $(patsubst tests/prog/%.c,$(O)/prog/%,$(wildcard tests/prog/test_*.c))

$(O)/san/%.o: %.c $(BPF_HEADERS) $(USER_HEADERS) $(wildcard tests/unit/*.h) Makefile
	$(call say,CC SAN,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(NW_CFLAGS) -c $< -o $@

# The programs under the same, for tests/e2e/run --san.
$(O)/san/user/source/live.o: $(O)/negwatch.skel.h
$(O)/san/user/source/resets.o: $(O)/resets.skel.h
$(O)/san/user/cost/test_run.o: $(O)/negwatch.skel.h $(O)/empty.skel.h

$(O)/san/negwatchd: $(call objs,$(DAEMON),san/)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) $^ -o $@ $(DAEMON_LIBS)

$(O)/san/negwatch: $(call objs,$(CLI),san/)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) $^ -o $@ $(CLI_LIBS)

$(O)/unit/%: $(O)/san/tests/unit/%.o $(call objs,$(UNIT_LIB),san/)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $^ -o $@ -lcmocka -ljansson -lpcap -lz

$(O)/prog/%: $(O)/tests/prog/%.o $(call objs,$(ENGINE) $(CAPTURE) $(JSON) tests/unit/lib_talk.c tests/unit/lib_streams.c $(wildcard tests/prog/lib_*.c))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ -lcmocka -lbpf -lelf -ljansson -lpcap -lz

$(patsubst %.c,$(O)/%.o,$(wildcard tests/prog/*.c)): $(O)/negwatch.skel.h

LOAD = $(patsubst tests/load/%.c,$(O)/load/%,$(wildcard tests/load/test_*.c))

$(O)/load/%: $(O)/tests/load/%.o $(call objs,$(ENGINE) $(TAP) $(wildcard tests/load/lib_*.c) tests/unit/lib_talk.c)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ -lcmocka

# Fuzz targets, one program each: libFuzzer is clang's. -O2: what counts is how many inputs it tries in a second.
FUZZ_SAN = -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ = $(patsubst tests/fuzz/fuzz_%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
# lib_live.c stands for what needs the kernel.
FUZZ_LIB = $(filter-out %/main.c user/source/live.c user/source/resets.c user/doctor/% user/cost/% user/cli/doctor.c user/cli/cost.c,\
	$(sort $(DAEMON) $(CLI))) tests/unit/lib_talk.c $(wildcard tests/load/lib_*.c tests/fuzz/lib_*.c)

$(O)/fuzzobj/%.o: %.c $(BPF_HEADERS) $(USER_HEADERS) $(wildcard tests/*/*.h) Makefile
	$(call say,CC FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_SAN) -fsanitize=fuzzer-no-link $(NW_CFLAGS) -c $< -o $@

# A library: libFuzzer looks at all counters of a program after each input, so a target has only what it uses.
$(O)/fuzzobj/lib.a: $(call objs,$(FUZZ_LIB),fuzzobj/)
	@rm -f $@
	$(Q)ar -rcs $@ $^

$(O)/fuzz/%: $(O)/fuzzobj/tests/fuzz/fuzz_%.o $(O)/fuzzobj/lib.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_SAN) -fsanitize=fuzzer -Wl,--wrap=nw_table_new $^ -o $@ $(CLI_LIBS)

$(O)/fuzz/seeds: $(O)/fuzzobj/tests/fuzz/seeds.o $(O)/fuzzobj/lib.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_SAN) $^ -o $@ $(CLI_LIBS)

# The programs themselves: no libFuzzer, and no sanitizer that would slow the feeding.
FUZZ_PROG = $(ENGINE) $(CAPTURE) $(JSON) $(LOCATE) $(patsubst %,tests/%.c,unit/lib_talk load/lib_talks \
	prog/lib_progs prog/lib_packets fuzz/lib_broken fuzz/lib_check)
$(O)/fuzz/prog: $(call objs,tests/fuzz/test_prog.c $(FUZZ_PROG))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ -lcmocka -lbpf -lelf -ljansson -lpcap -lz

# Both programs in one, as nwdoc has them, with a source of straw, under an allocator that fails.
$(O)/faults/test_alloc: $(call objs,$(wildcard tests/faults/*.c) tests/fuzz/lib_live.c tests/unit/lib_talk.c $(TAP) \
	$(filter-out %/main.c user/source/live.c user/source/resets.c,$(sort $(DAEMON) $(CLI)))) $(O)/docs/cli.o $(O)/docs/daemon.o
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ -lcmocka $(CLI_LIBS)

run-tap = for t in $(1); do CMOCKA_MESSAGE_OUTPUT=TAP $$t || rc=1; done; exit $${rc:-0}

check-unit: $(UNIT) ## pure code on the host, with ASan and UBSan
	@$(call run-tap,$^)

check-alloc: $(O)/faults/test_alloc ## every allocation fails once
	@$(call run-tap,$^)

# For gcov, in a build of its own. -O0: what is a branch in the source is one in the object.
COUNTED = -O0 -g --coverage -DNW_COUNTED

coverage: ## what unit tests reach of engine and wire parsers, by line and branch
	$(Q)$(MAKE) --no-print-directory O=$(O)/coverage CFLAGS='$(COUNTED)' SAN='$(COUNTED)' coverage-build
	@tests/coverage/run $(O)/coverage

coverage-build: $(UNIT)

check-load: $(LOAD) ## memory over ten million events, a million flows by the dice
	@$(call run-tap,$^)

check-prog: $(PROG) ## the real programs under BPF_PROG_TEST_RUN (root)
	@$(call run-tap,$^)

check-capture: all ## negwatch read against captures and their oracle
	@tests/capture/run

check-cli: all ## the command line against a daemon of straw
	@tests/cli/run

check-report: all ## the pages of negwatch report, also in Chromium
	@tests/report/run

check-fuzz: $(FUZZ) $(O)/fuzz/prog $(O)/fuzz/seeds ## each fuzz target for some seconds, and the programs by random packets (root)
	@tests/fuzz/run

fuzz: $(if $(N),$(FUZZ),$(if $(T),$(O)/fuzz/$(T))) ## T=target: one of tests/fuzz, or prog, for SECONDS=60 or RUNS=n; or N=n of all
	@SECONDS='$(SECONDS)' RUNS='$(RUNS)' tests/fuzz/run $(if $(N),totals $(N),long $(T))

check-e2e: all ## namespaces, real smbd and smbclient, the tamper box (root)
	@tests/e2e/run

check-memory: all $(O)/san/negwatchd $(O)/san/negwatch ## the daemon at work under ASan, UBSan, LeakSanitizer and valgrind (root)
	@tests/e2e/run --san || rc=1; tests/e2e/run --valgrind || rc=1; exit $${rc:-0}

check-package: all ## unit, manuals, syslog receivers, deb and rpm (root)
	@tests/package/run

check-scenarios: all ## edits x clients x servers, with cifs.ko and ksmbd.ko in QEMU; 1,000 untampered connections (root)
	@tests/e2e/run matrix/
	@tests/e2e/run guests/
	@tests/e2e/run claims

check: ## everything, with all set-up: the same as scripts/check
	@scripts/check

# What runs in the guests besides: see tests/kernels.
$(O)/kernels/%: tests/kernels/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(NW_CFLAGS) $< -o $@ -lbpf -lpcap

check-kernels: ## Debian's kernels 6.1 and 6.12 in QEMU, and the running one (root)
	@scripts/kernel-matrix

# The bench: each program of it a file, with a library of their own.
BENCH = $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/bench_*.c))
BENCH_BPF = $(patsubst tests/%.bpf.c,%,$(wildcard tests/bench/*.bpf.c))

$(patsubst %,$(O)/%.bpf.o,$(BENCH_BPF)): $(O)/%.bpf.o: tests/%.bpf.c $(wildcard tests/bench/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(patsubst %,$(O)/%.skel.h,$(BENCH_BPF)): $(O)/%.skel.h: $(O)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@

$(patsubst %.c,$(O)/%.o,$(wildcard tests/bench/lib_*.c tests/bench/bench_*.c)): \
	$(BENCH_BPF:%=$(O)/%.skel.h) $(O)/negwatch.skel.h $(O)/empty.skel.h
$(patsubst %.c,$(O)/%.o,$(wildcard tests/bench/lib_*.c tests/bench/bench_*.c)): NW_CFLAGS += -I$(O)/bench

$(O)/bench/%: $(O)/tests/bench/%.o $(call objs,$(ENGINE) $(wildcard tests/bench/lib_*.c user/cost/*.c) tests/unit/lib_talk.c \
	$(TAP) user/source/live.c user/source/resets.c user/daemon/clsact.c user/daemon/netlink.c)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ -o $@ -lbpf -lelf -lz -lpcap

bench: all $(BENCH) ## every figure against its budget, beside tcpdump and others; keeps the result (root, some 15 minutes)
	@tests/bench/run --store

check-bench: all $(BENCH) ## that all of the bench can be measured (root)
	@tests/bench/run --try

bench-quick: all $(BENCH) ## the same in less than 3 minutes, ratios only (root)
	@tests/bench/run --quick

SOURCES = $(wildcard bpf/*.[ch] bpf/wire/*.h user/*/*.[ch] tests/*/*.[ch])

format: ## clang-format in place
	$(Q)clang-format -i $(SOURCES)

# The analysers read the generated headers, too.
static: $(O)/negwatch.skel.h $(O)/resets.skel.h $(O)/empty.skel.h ## gcc -fanalyzer, cppcheck and clang-tidy, for defects
	@tests/static/run

lint: ## no binary files in the repository, format, warnings of both compilers, shellcheck
	$(Q)scripts/text-files
	$(Q)clang-format --dry-run -Werror $(SOURCES)
	$(Q)$(MAKE) --no-print-directory O=$(O)/lint-gcc CC=gcc all
	$(Q)$(MAKE) --no-print-directory O=$(O)/lint-clang CC=clang all
	$(Q)shellcheck scripts/setup scripts/run scripts/check scripts/text-files scripts/kernel-matrix scripts/soak .ci/run
	$(Q)shellcheck scripts/package scripts/lab/unpack scripts/lab/samba-root tests/package/machine
	$(Q)cd tests/kernels && shellcheck -x packages image guest labguest

# unitdir: Debian 12 keeps units in /lib, others in $(prefix)/lib.
unitdir ?= $(prefix)/lib/systemd/system
docdir ?= $(prefix)/share/doc/negwatch
put = install -D -m $(1) $(2) $(DESTDIR)$(3)

install: all ## DESTDIR and prefix are respected
	$(call put,0755,$(O)/negwatchd,$(prefix)/sbin/negwatchd)
	$(call put,0755,$(O)/negwatch,$(prefix)/bin/negwatch)
	$(call put,0644,scripts/negwatchd.conf,$(sysconfdir)/negwatch/negwatchd.conf)
	$(call put,0644,scripts/schema/negwatch.schema.json,$(prefix)/share/negwatch/negwatch.schema.json)
	$(call put,0644,scripts/negwatchd.service,$(unitdir)/negwatchd.service)
	$(call put,0644,scripts/sysusers.conf,$(prefix)/lib/sysusers.d/negwatch.conf)
	$(call put,0644,scripts/apparmor.profile,$(docdir)/contrib/apparmor/usr.sbin.negwatchd)
	$(call put,0644,$(O)/docs/catalog,$(prefix)/lib/systemd/catalog/negwatch.catalog)
	$(call put,0644,$(O)/docs/completion,$(prefix)/share/bash-completion/completions/negwatch)
	ln -sf negwatch $(DESTDIR)$(prefix)/share/bash-completion/completions/negwatchd
	$(call put,0644,$(O)/docs/negwatch.1,$(prefix)/share/man/man1/negwatch.1)
	$(call put,0644,$(O)/docs/negwatchd.8,$(prefix)/share/man/man8/negwatchd.8)
	$(call put,0644,$(O)/docs/negwatchd.conf.5,$(prefix)/share/man/man5/negwatchd.conf.5)
	install -m 0644 -t $(DESTDIR)$(docdir)/contrib scripts/contrib/*

version: ## the version, alone
	@echo $(VERSION)

dist: ## the sources as a tar archive, what packages are built from
	$(Q)mkdir -p $(O)
	$(Q)tar -czf $(O)/negwatch-$(VERSION).tar.gz --exclude=__pycache__ --transform='s,^,negwatch-$(VERSION)/,' \
		--owner=0 --group=0 .clang-format LICENSE Makefile README.md bpf scripts tests user

clean: ## remove what was built (not what was unpacked of Debian's packages)
	rm -rf $(O)/docs $(O)/nwdoc $(O)/negwatch-*.tar.gz $(O)/*.o $(O)/*.h $(O)/user $(O)/bpf $(O)/tests $(O)/san $(O)/unit $(O)/prog $(O)/load $(O)/faults $(O)/bench $(O)/fuzz $(O)/fuzzobj $(O)/coverage $(O)/lint-* \
		$(O)/negwatch $(O)/negwatchd $(O)/kernels/*.o $(O)/kernels/objects $(O)/kernels/loads $(O)/kernels/wire

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: docs version dist all check check-alloc check-memory check-unit coverage coverage-build check-fuzz fuzz check-load check-prog check-capture check-cli check-report \
	check-bench bench bench-quick check-e2e check-scenarios check-kernels check-package format lint static install clean help
