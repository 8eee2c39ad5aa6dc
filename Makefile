# trawld: one Makefile, one graph. Objects live in build/ (build-SAN/ with sanitizers).
#
#   make                build everything          make check     all tests, one kind after the other
#   make unit           unit tests only           make flow      flow tests only
#   make corpus         kept fuzz inputs replayed make fuzz      each fuzz target for FUZZ_SECONDS
#   make check-many     a thousand crawls where `make flow` runs hundreds, outages of minutes (30 minutes)
#   make bench          the table of ratios       make lint      static checks
#   make headers        each header compiles alone make check-long  hours of work in minutes: what grows?
#   make threads        the poller's threads under SAN=thread
#   make check-nth      each call of a keeper and of a poller fails, once and for good (ten minutes of two
#                       free cores with -j2); `make unit` tries a sample
#   make man            manual pages, completions make check-docs  what they and the documents say
#   make install DESTDIR= PREFIX=                 make clean
#   make docs           the generated table in OPERATIONS.md
#   make check-tree     which library each program needs, which file calls which
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
HAVE_SYSTEMD := $(shell $(PKG_CONFIG) --exists libsystemd && echo 1)
HAVE_SECCOMP := $(shell $(PKG_CONFIG) --exists libseccomp && echo 1)

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
	$(if $(HAVE_SYSTEMD),-DHAVE_SYSTEMD=1) $(if $(HAVE_SECCOMP),-DHAVE_SECCOMP=1) $(CPPFLAGS) $(CFLAGS)
ALL_LD = $(if $(SAN),-fsanitize=$(SAN)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

src = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(B)/%.o,$(call src,$(1)))

# A layer is a folder below the roles and an archive, so a program carries of it only the objects
# that it calls, and needs only the libraries that those call. A layer may call those behind it.
LAYERS := net ipc conf provider model base
archives = $(patsubst %,$(B)/src/%.a,$(filter $(1),$(LAYERS)))

# What each program is made of. With the libraries the link line says what a process can do (the keeper
# has no curl, a front no SQLite); make check-tree finds one that is named here and not needed.
# name, folder, layers, libraries by pkg-config's names; of one that is not installed the linker is told nothing
define PROGRAM_ROWS
$(call program,trawld,supervisor,conf model base,libevent libsystemd)
$(call program,trawld-keeper,src/keeper,ipc conf provider model base,libevent yajl jansson libcrypto sqlite3 libseccomp)
$(call program,trawld-publisher,src/publisher,ipc conf model base,libevent yajl jansson libseccomp)
$(call program,trawld-poller,src/poller,net ipc conf provider model base,libevent yajl jansson libcrypto libisal libcurl zlib libseccomp)
$(call program,trawld-front,src/front,ipc conf provider model base,libevent yajl jansson libseccomp)
$(call program,trawlctl,src/ctl,net model base,libevent yajl jansson libcurl zlib)
$(call program,trawl-sim,src/sim,base,libevent yajl jansson libcrypto zlib)
endef
define program
PROGRAMS += $(1)
FOLDER_$(1) := $(2)
LAYERS_$(1) := $(3)
LIBS_$(1) := $(4)

endef
$(eval $(PROGRAM_ROWS))
LIBRARIES := $(sort $(foreach p,$(PROGRAMS),$(LIBS_$(p))))
$(foreach l,$(LIBRARIES) cmocka,$(eval LIB_$(l) := $(shell $(PKG_CONFIG) --libs $(l) 2>/dev/null)))
link_libs = $(foreach l,$(1),$(LIB_$(l)))

all: $(PROGRAMS:%=$(B)/%)

# Unused sections are dropped, so a program carries only what it calls.
SPLIT := -ffunction-sections -fdata-sections
# Objects before archives, archives before libraries: each answers what those before it ask for.
link = $(Q)$(CC) $(ALL_LD) -Wl,--gc-sections -o $@ $(filter %.o,$^) $(filter %.a,$^) $(1)
define link_program
$(B)/$(1): $(call objects,$(FOLDER_$(1))) $(call archives,$(LAYERS_$(1))) $(B)/.flags $(B)/.parts
	$$(call say,LINK,$$@)
	$$(call link,$$(call link_libs,$$(LIBS_$(1))))
endef
$(foreach p,$(PROGRAMS),$(eval $(call link_program,$(p))))

# Made from nothing each time: nothing stays of a source that is gone.
define layer
$(B)/src/$(1).a: $(call objects,src/$(1)) $(B)/.flags $(B)/.parts
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_C) $(SPLIT) -MMD -MP -c -o $@ $<

# Written only when it would say something else: objects are made again when the flags change, archives and
# programs when sources come or go, or belong elsewhere. Tests of the tree read .parts, too.
keep = @mkdir -p $(@D); printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) >$@
$(B)/.flags: FORCE
	$(call keep,'$(CC) $(ALL_C) $(ALL_LD)')
$(B)/.parts: FORCE
	$(call keep,$(foreach p,$(PROGRAMS),'$(p): $(FOLDER_$(p)): $(LAYERS_$(p)): $(call link_libs,$(LIBS_$(p)))') \
		$(call src,src/*) $(call src,supervisor) $(call src,packaging/docs))

# Unit tests: tests/unit/test-FOLDER-NAME.c is a program, linked with every layer
# below the roles and with the role src/FOLDER when there is one.
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test-*.c))
role_objects = $(filter-out %_main.o,$(call objects,src/$(1)))
define unit
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o $(call role_objects,$(word 2,$(subst -, ,$(1)))) \
    $(call archives,$(LAYERS)) $(B)/.parts
	$$(call say,LINK,$$@)
	$$(call link,$$(call link_libs,$$(LIBRARIES) cmocka))
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit,$(t))))

unit: $(UNIT_TESTS:%=$(B)/tests/unit/%)
	@sh tests/unit/run.sh $^

# All that `make unit` takes a sample of; how one of them is run alone: tests/unit/fail_nth.h.
CHECK_NTH := $(patsubst %,check-%,$(filter %-nth,$(UNIT_TESTS)))
check-nth: $(CHECK_NTH)
$(CHECK_NTH): check-%: $(B)/tests/unit/%
	@NTH=all $<

# The set once more, each program with one more object, whose symbols stand before those of the archives:
# a clock that tests can set; a second provider in the table, a test double. What those call may be more than
# the program's row has, where the compiler (under sanitizers) keeps what is never called.
SET := $(filter-out trawlctl trawl-sim,$(PROGRAMS))
define variant_program
$(B)/$(1)/$(3): $(call objects,$(FOLDER_$(3))) $(B)/tests/flow/$(2).o \
    $(call archives,$(LAYERS)) $(B)/.flags $(B)/.parts
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(call link,$$(call link_libs,$$(LIBRARIES)))
endef
$(foreach p,$(SET),$(eval $(call variant_program,clock,clock_shift,$(p))))
$(foreach p,$(SET),$(eval $(call variant_program,double,provider_double,$(p))))
clock: $(SET:%=$(B)/clock/%)
double: $(SET:%=$(B)/double/%)

RUN_FLOW = @TRAWLD_BUILD=$(abspath $(B)) python3 -B tests/flow/run.py tests/flow
flow: all clock double $(B)/trawld.catalog
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
check: unit corpus check-tree check-docs flow $(if $(SAN),,threads)

# Builds its packages from a copy of the tree. INSTALL: options of tests/install/run.py.
check-install:
	@python3 -B tests/install/run.py $(INSTALL)
check-install-broken:
	@python3 -B tests/install/run.py --broken $(INSTALL)

# Figures against their ceilings, measured in one run. Never part of check.
$(B)/tests/bench/load: $(B)/tests/bench/load.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LD) -o $@ $^
$(B)/tests/bench/bare: $(B)/tests/bench/bare.o $(call role_objects,keeper) \
    $(call archives,$(LAYERS_trawld-keeper)) $(B)/.parts
	$(call say,LINK,$@)
	$(call link,$(call link_libs,$(LIBS_trawld-keeper)))
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
FUZZ_PARTS := $(call role_objects,poller) $(call role_objects,front) $(call archives,$(LAYERS)) $(B)/.parts
$(B)/tests/fuzz/%-replay: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(FUZZ_PARTS)
	$(call say,LINK,$@)
	$(call link,$(call link_libs,$(LIBRARIES)))
$(B)/tests/fuzz/%-search: $(B)/tests/fuzz/%.o $(FUZZ_PARTS)
	$(call say,LINK,$@)
	$(call link,-fsanitize=fuzzer $(call link_libs,$(LIBRARIES)))
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
DOCGEN_TABLES := supervisor/options src/sim/sim_options src/sim/sim_settings src/sim/sim_dataset
$(DOCGEN): $(call objects,packaging/docs) $(DOCGEN_TABLES:%=$(B)/%.o) $(call role_objects,ctl) \
    $(call archives,$(LAYERS)) $(B)/.parts
	$(call say,LINK,$@)
	$(call link,$(call link_libs,$(LIBRARIES)))

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

# What links and calls what, in the programs and the objects of each folder.
check-tree: all
	@TRAWLD_BUILD=$(abspath $(B)) TRAWLD_SAN='$(SAN)' python3 -B tests/flow/run.py tests/tree

# What the pages, the completions, the sample configuration and the README say.
check-docs: all man
	@TRAWLD_BUILD=$(abspath $(B)) python3 -B tests/flow/run.py tests/docs $(DOCS)

clean:
	rm -rf build build-*

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)

.PHONY: all unit check-nth $(CHECK_NTH) flow clock double threads threads-run check check-many check-long check-install check-install-broken corpus headers install install-trawld install-sim man \
	docs check-docs check-tree deb rpm clean bench fuzz fuzz-run lint FORCE
.SECONDARY:
