# trawld: one Makefile, one graph. Objects live in build/ (build-SAN/ with sanitizers).
#
#   make                build everything          make check     all tests, one kind after the other
#   make unit           unit tests only           make flow      flow tests only
#   make corpus         kept fuzz inputs replayed make fuzz      each fuzz target for FUZZ_SECONDS
#   make check-many     a thousand crawls where `make flow` runs hundreds, outages of minutes (30 minutes)
#   make bench          the table of ratios       make lint      static checks
#   make headers        each header compiles alone make check-long  hours of work in minutes: what grows?
#   make threads        the poller's threads under SAN=thread
#   make man            manual pages, completions make check-docs  what they and the documents say
#   make install DESTDIR= PREFIX=                 make clean
#   make docs           the generated table in OPERATIONS.md
#   make check-install  the packages, installed in a Debian that boots (as root); check-install-broken
#                       shows that it finds packages that are broken
#   make deb            packages for Debian       make rpm       the same as .rpm; both in build/packages
#   SAN=address,undefined with any of them; WERROR= to let warnings pass; V=1 shows the commands.

VERSION := 0.2.0
RELEASED := November 25, 2026
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/trawld
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
CATALOGDIR ?= $(PREFIX)/lib/systemd/catalog

CC ?= cc
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))
SAN ?=
WERROR ?= -Werror
comma := ,
B := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(findstring clang,$(CC)),-clang)

PKG_CONFIG ?= pkg-config
lib = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
HAVE_SYSTEMD := $(shell $(PKG_CONFIG) --exists libsystemd && echo 1)

EVENT   := $(call lib,libevent)
CURL    := $(call lib,libcurl)
YAJL    := $(call lib,yajl)
JANSSON := $(call lib,jansson)
SQLITE  := $(call lib,sqlite3)
CRYPTO  := $(call lib,libcrypto)
ISAL    := $(call lib,libisal)
ZLIB    := -lz
CMOCKA  := $(call lib,cmocka)
SYSTEMD := $(if $(HAVE_SYSTEMD),$(call lib,libsystemd))

# A pointer into the stack of a function that has returned is found only when asked for.
ifneq ($(findstring address,$(SAN)),)
export ASAN_OPTIONS ?= detect_stack_use_after_return=1
endif
# A program with a data race does not go on.
ifneq ($(findstring thread,$(SAN)),)
export TSAN_OPTIONS ?= halt_on_error=1
endif

OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wundef -Wvla -Wformat=2 -Wwrite-strings $(WERROR)
# A distribution's build sets OPT and HARDEN to nothing and brings its own in CFLAGS and CPPFLAGS.
HARDEN ?= $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong
ALL_C = -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) -fPIE -fno-omit-frame-pointer \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
	-I. -Isrc -DTRAWLD_VERSION='"$(VERSION)"' -DTRAWLD_LIBEXECDIR='"$(LIBEXECDIR)"' \
	$(if $(HAVE_SYSTEMD),-DHAVE_SYSTEMD=1) $(CPPFLAGS) $(CFLAGS)
ALL_LD = $(if $(SAN),-fsanitize=$(SAN)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# Sources of each layer; a folder is a layer.
src = $(sort $(wildcard $(1)/*.c))
BASE  := $(call src,src/base)
CONF  := $(call src,src/conf)
MODEL := $(call src,src/model)
IPC   := $(call src,src/ipc)
NET   := $(call src,src/net)

# What each program is made of, and the libraries it is linked with: the link
# line says what a process can do (the keeper has no curl, a front no SQLite).
# --as-needed drops a library that no used object needs.
PROGRAMS := trawld trawld-keeper trawld-publisher trawld-poller trawld-front trawlctl trawl-sim
SRC_trawld           := $(call src,supervisor) $(CONF) $(MODEL) $(BASE)
SRC_trawld-keeper    := $(call src,src/keeper) $(IPC) $(CONF) $(MODEL) $(BASE)
SRC_trawld-publisher := $(call src,src/publisher) $(IPC) $(CONF) $(MODEL) $(BASE)
SRC_trawld-poller    := $(call src,src/poller) $(NET) $(IPC) $(CONF) $(MODEL) $(BASE)
SRC_trawld-front     := $(call src,src/front) $(IPC) $(CONF) $(MODEL) $(BASE)
SRC_trawlctl         := $(call src,src/ctl) $(NET) $(MODEL) $(BASE)
SRC_trawl-sim        := $(call src,src/sim) $(MODEL) $(BASE)

LIB_BASE := $(EVENT) $(YAJL) $(JANSSON) $(ISAL) $(CRYPTO)
LIB_trawld           := $(LIB_BASE) $(SYSTEMD)
LIB_trawld-keeper    := $(LIB_BASE) $(SQLITE)
LIB_trawld-publisher := $(LIB_BASE)
LIB_trawld-poller    := $(LIB_BASE) $(CURL) $(ZLIB)
LIB_trawld-front     := $(LIB_BASE)
LIB_trawlctl         := $(LIB_BASE) $(CURL) $(ZLIB)
LIB_trawl-sim        := $(LIB_BASE) $(ZLIB)

all: $(PROGRAMS:%=$(B)/%)

# Unused sections are dropped, so a program carries only what it calls.
SPLIT := -ffunction-sections -fdata-sections
define program
$(B)/$(1): $(SRC_$(1):%.c=$(B)/%.o) $(B)/.flags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LD) -Wl,--gc-sections -o $$@ $$(filter %.o,$$^) $$(LIB_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_C) $(SPLIT) -MMD -MP -c -o $@ $<

# Objects are rebuilt when the flags change.
$(B)/.flags: FORCE
	@mkdir -p $(B)
	@printf '%s\n' '$(CC) $(ALL_C) $(ALL_LD)' | cmp -s - $@ || printf '%s\n' '$(CC) $(ALL_C) $(ALL_LD)' >$@

# Unit tests: tests/unit/test-FOLDER-NAME.c is a program, linked with every layer
# below the roles and with the role src/FOLDER when there is one.
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test-*.c))
LAYERS := $(NET) $(IPC) $(CONF) $(MODEL) $(BASE)
role_src = $(filter-out %_main.c,$(call src,src/$(1)))
define unit
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o $(patsubst %.c,$(B)/%.o,$(LAYERS)) \
    $(patsubst %.c,$(B)/%.o,$(call role_src,$(word 2,$(subst -, ,$(1)))))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LD) -Wl,--gc-sections -o $$@ $$(filter %.o,$$^) $$(LIB_BASE) $$(CURL) $$(SQLITE) $$(ZLIB) $$(CMOCKA)
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit,$(t))))

unit: $(UNIT_TESTS:%=$(B)/tests/unit/%)
	@sh tests/unit/run.sh $^

# The set once more, with a clock that tests can set.
CLOCK_PROGRAMS := $(filter-out trawlctl trawl-sim,$(PROGRAMS))
define clock_program
$(B)/clock/$(1): $(SRC_$(1):%.c=$(B)/%.o) $(B)/tests/flow/clock_shift.o $(B)/.flags
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LD) -Wl,--gc-sections -o $$@ $$(filter %.o,$$^) $$(LIB_$(1))
endef
$(foreach p,$(CLOCK_PROGRAMS),$(eval $(call clock_program,$(p))))
clock: $(CLOCK_PROGRAMS:%=$(B)/clock/%)

RUN_FLOW = @TRAWLD_BUILD=$(abspath $(B)) python3 -B tests/flow/run.py tests/flow
flow: all clock $(B)/trawld.catalog
	$(RUN_FLOW) $(FLOW)

# What tests of many crawls need to show it all; one test after the other. MANY: those whose name holds a word.
MANY ?= many clock paid
check-many: export TRAWLD_MANY ?= 1000
check-many: export FLOW_JOBS ?= 1
check-many: export FLOW_LIMIT ?= 3600
check-many: all clock $(B)/trawld.catalog
	$(RUN_FLOW) $(MANY)

# Only the poller has threads: its unit tests, and downloads large enough for them.
THREAD_TESTS := $(filter test-poller-%,$(UNIT_TESTS))
threads-run: all $(THREAD_TESTS:%=$(B)/tests/unit/%)
	@sh tests/threads.sh '$(CC)' sh tests/unit/run.sh $(filter-out all,$^)
	@TRAWLD_BUILD=$(abspath $(B)) sh tests/threads.sh '$(CC)' \
		python3 -B tests/flow/run.py tests/flow test_threads
threads:
	@$(MAKE) --no-print-directory threads-run SAN=thread

# Not a second time when check itself has a sanitizer.
check: unit corpus check-docs flow $(if $(SAN),,threads)

# Builds its packages from a copy of the tree. INSTALL: options of tests/install/run.py.
check-install:
	@python3 -B tests/install/run.py $(INSTALL)
check-install-broken:
	@python3 -B tests/install/run.py --broken $(INSTALL)

# Figures against their ceilings, measured in one run. Never part of check.
BENCH_OBJ := $(patsubst %.c,$(B)/%.o,$(call role_src,keeper) $(IPC) $(CONF) $(MODEL) $(BASE))
$(B)/tests/bench/load: $(B)/tests/bench/load.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LD) -o $@ $^
$(B)/tests/bench/bare: $(B)/tests/bench/bare.o $(BENCH_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LD) -Wl,--gc-sections -o $@ $^ $(LIB_BASE) $(SQLITE)
bench: all $(B)/tests/bench/load $(B)/tests/bench/bare
	@TRAWLD_BUILD=$(abspath $(B)) python3 -B tests/bench/bench.py $(BENCH)

# Hundreds of thousands of crawls: does anything grow for ever? LONG_CRAWLS, LONG_MINUTES. Not part of check either.
check-long: all $(B)/tests/bench/load
	@TRAWLD_BUILD=$(abspath $(B)) python3 -B tests/bench/longrun.py

# Fuzzing: tests/fuzz/fuzz-NAME.c is one decoder of outside bytes. `make fuzz`
# lets libFuzzer search; `make corpus` runs the kept inputs, and every input
# that once hurt, as an ordinary test under whatever compiler and flags.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_ROLES := $(call role_src,poller) $(call role_src,front) 
FUZZ_OBJ := $(patsubst %.c,$(B)/%.o,$(LAYERS) $(FUZZ_ROLES))
$(B)/tests/fuzz/%-replay: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(FUZZ_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LD) -Wl,--gc-sections -o $@ $(filter %.o,$^) $(LIB_BASE) $(CURL) $(ZLIB)
$(B)/tests/fuzz/%-search: $(B)/tests/fuzz/%.o $(FUZZ_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LD) -fsanitize=fuzzer -Wl,--gc-sections -o $@ $(filter %.o,$^) $(LIB_BASE) $(CURL) $(ZLIB)
corpus: $(FUZZERS:%=$(B)/tests/fuzz/%-replay)
	@sh tests/fuzz/corpus.sh $^
fuzz-run: $(FUZZERS:%=$(B)/tests/fuzz/%-search)
	@sh tests/fuzz/search.sh $(FUZZ_SECONDS) $^
fuzz:
	@$(MAKE) --no-print-directory fuzz-run CC=clang SAN=address,undefined B=build-fuzz \
		CFLAGS=-fsanitize=fuzzer-no-link

lint:
	cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=ctuuninitvar --include=tests/lint.h \
		-Isrc -I. src supervisor packaging/docs

headers:
	@for h in $$(find src supervisor -name '*.h'); do \
		echo "#include \"$$h\"" | $(CC) $(ALL_C) -x c -fsyntax-only - || { echo "not self-contained: $$h"; exit 1; }; \
	done; echo "every header compiles alone"

# Two parts, as there are two packages. What is not in the tree is left out.
install: install-trawld install-sim

put = $(if $(strip $(3)),install -d $(DESTDIR)$(2) && install -m $(1) $(3) $(DESTDIR)$(2),:)
put_as = install -d $(DESTDIR)$(dir $(2)) && install -m 644 $(1) $(DESTDIR)$(2)

install-trawld: all man
	$(call put,755,$(SBINDIR),$(B)/trawld)
	$(call put,755,$(BINDIR),$(B)/trawlctl)
	$(call put,755,$(LIBEXECDIR),$(addprefix $(B)/trawld-,keeper publisher poller front))
	$(call put,644,$(UNITDIR),systemd/trawld.socket systemd/trawld.service)
	sed -i 's|/usr/sbin/trawld|$(SBINDIR)/trawld|' $(DESTDIR)$(UNITDIR)/trawld.service
	$(call put_as,systemd/trawld.sysusers,$(SYSUSERSDIR)/trawld.conf)
	$(call put_as,systemd/trawld.tmpfiles,$(TMPFILESDIR)/trawld.conf)
	test -e $(DESTDIR)$(SYSCONFDIR)/trawld/trawld.env || \
		{ $(call put_as,packaging/trawld.env,$(SYSCONFDIR)/trawld/trawld.env); }
	$(call put_docs,$(foreach f,$(DOC_FILES),$(if $(findstring trawl-sim,$(f)),,$(f))))

install-sim: all man
	$(call put,755,$(BINDIR),$(B)/trawl-sim)
	$(call put_docs,$(foreach f,$(DOC_FILES),$(if $(findstring trawl-sim,$(f)),$(f))))

# Packages are built from a clean copy of the tree in build/deb and build/rpm. The flags of this
# call are handed on beside the distribution's own.
PACKAGE_FLAGS = VERSION='$(VERSION)' VERSION_ORIGIN='$(origin VERSION)' \
	CFLAGS='$(CFLAGS)' CPPFLAGS='$(CPPFLAGS)' LDFLAGS='$(LDFLAGS)'
deb rpm:
	@env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL $(PACKAGE_FLAGS) packaging/build-package $@

# Manual pages, completions and the journal's catalog: templates below packaging/, whose lists
# come from the programs' own tables. The generator runs here and is installed nowhere.
MAN_PAGES := $(patsubst packaging/man/%.in,%,$(wildcard packaging/man/*.in))
COMPLETED := trawld trawlctl trawl-sim
man_file = $(B)/man/man$(lastword $(subst ., ,$(1)))/$(1)
MAN_FILES := $(foreach p,$(MAN_PAGES),$(call man_file,$(p)))
BASH_FILES := $(COMPLETED:%=$(B)/completions/bash/%)
ZSH_FILES := $(COMPLETED:%=$(B)/completions/zsh/_%)
FISH_FILES := $(COMPLETED:%=$(B)/completions/fish/%.fish)
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
# Where zsh looks; Debian keeps packages' completions apart from those of the site.
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/$(if $(wildcard /etc/debian_version),vendor-completions,site-functions)
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d

DOCGEN := $(B)/packaging/docs/docgen
SRC_docgen := $(call src,packaging/docs) supervisor/options.c src/sim/sim_options.c src/sim/sim_settings.c \
	src/sim/sim_dataset.c \
	$(call role_src,ctl) $(NET) $(CONF) $(MODEL) $(BASE)
$(DOCGEN): $(SRC_docgen:%.c=$(B)/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LD) -Wl,--gc-sections -o $@ $^ $(LIB_BASE) $(CURL) $(ZLIB)

# Whole or not at all.
docgen = @mkdir -p $(@D) && $(DOCGEN) $(1) $< '$(RELEASED)' >$@.new && mv $@.new $@
define man_page
$(call man_file,$(1)): packaging/man/$(1).in $(DOCGEN)
	$$(call say,DOC,$$@)
	$$(call docgen,$(basename $(1)))
endef
$(foreach p,$(MAN_PAGES),$(eval $(call man_page,$(p))))
$(BASH_FILES): $(B)/completions/bash/%: packaging/completions/bash.in $(DOCGEN)
	$(call say,DOC,$@)
	$(call docgen,$*)
$(ZSH_FILES): $(B)/completions/zsh/_%: packaging/completions/zsh.in $(DOCGEN)
	$(call say,DOC,$@)
	$(call docgen,$*)
$(FISH_FILES): $(B)/completions/fish/%.fish: packaging/completions/fish.in $(DOCGEN)
	$(call say,DOC,$@)
	$(call docgen,$*)

$(B)/trawld.catalog: packaging/trawld.catalog.in $(DOCGEN)
	$(call say,DOC,$@)
	$(call docgen,trawld)

DOC_FILES := $(B)/trawld.catalog $(MAN_FILES) $(BASH_FILES) $(ZSH_FILES) $(FISH_FILES)
man: $(DOC_FILES)

# Of the given files each into the folder of its kind.
define put_docs
	$(call put,644,$(CATALOGDIR),$(filter %.catalog,$(1)))
	$(call put,644,$(MANDIR)/man1,$(filter %.1,$(1)))
	$(call put,644,$(MANDIR)/man5,$(filter %.5,$(1)))
	$(call put,644,$(MANDIR)/man8,$(filter %.8,$(1)))
	$(call put,644,$(BASHCOMPDIR),$(filter $(BASH_FILES),$(1)))
	$(call put,644,$(ZSHCOMPDIR),$(filter $(ZSH_FILES),$(1)))
	$(call put,644,$(FISHCOMPDIR),$(filter $(FISH_FILES),$(1)))
endef

# The table in OPERATIONS.md, written in place; check-docs says when it is stale.
docs: $(DOCGEN)
	@echo @log-kinds@ | $(DOCGEN) trawld /dev/stdin '$(RELEASED)' >$(B)/log-kinds.md
	@sed -i -e '/<!-- log-kinds:begin -->/,/<!-- log-kinds:end -->/{//!d}' \
		-e '/<!-- log-kinds:begin -->/r $(B)/log-kinds.md' OPERATIONS.md

# What the pages, the completions, the sample configuration and the README say.
check-docs: all man
	@TRAWLD_BUILD=$(abspath $(B)) python3 -B tests/flow/run.py tests/docs $(DOCS)

clean:
	rm -rf build build-*

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)

.PHONY: all unit flow clock threads threads-run check check-many check-long check-install check-install-broken corpus headers install install-trawld install-sim man \
	docs check-docs deb rpm clean bench fuzz fuzz-run lint FORCE
.SECONDARY:
