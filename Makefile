# Targets: all, check, check-opencodes, check-debian12, check-debian13, sanitize, analyze, coverage, fuzz,
# soak, bench, run, install, uninstall, dist, deb, clean. The user may set CC, CFLAGS, LDFLAGS, BUILD_DIR, PREFIX
# and DESTDIR.

CC ?= cc
CFLAGS ?= -O2 -g
BUILD_DIR ?= build
PREFIX ?= /usr/local

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
	-Wno-sign-conversion -Wformat=2 -Wundef
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Icommon -Ifcgi $(WARNINGS) $(if $(WERROR),-Werror) \
	-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIE -pthread -MMD -MP
OWN_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -pthread
# Only the store in Redis needs hiredis. It is linked statically, so that nobody else has to load it.
REDIS_LIBS ?= -Wl,-Bstatic -lhiredis -Wl,-Bdynamic
CORE_LIBS = -linih -lsodium -ljansson -lm -ldl $(REDIS_LIBS)

# Loading shared libraries is most of what a short process costs, so the CGI program links the
# small ones statically. Set CGI_LIBS='$(CORE_LIBS)' where there are no static ones.
CGI_LIBS ?= -Wl,-Bstatic -linih -lsodium -ljansson -Wl,-Bdynamic -lm -ldl $(REDIS_LIBS)

# SANDBOX=no is for tools that open files from inside the program: sanitizers, coverage.
ifeq ($(SANDBOX),no)
OWN_CFLAGS += -DNO_SANDBOX
endif

CORE = $(patsubst %.c,$(BUILD_DIR)/%.o,$(filter-out %/sandbox_policy.c,$(sort $(shell find common -name '*.c'))))
CGI = $(BUILD_DIR)/cgi/main.o
FCGI = $(patsubst %.c,$(BUILD_DIR)/%.o,$(sort $(shell find fcgi -name '*.c')))
UNIT = $(patsubst tests/unit/%.c,$(BUILD_DIR)/tests/unit/%,$(wildcard tests/unit/*_test.c))

all: $(BUILD_DIR)/opencode-callback.cgi $(BUILD_DIR)/opencode-callback.fcgi

$(BUILD_DIR)/opencode-callback.cgi: $(CGI) $(CORE)
	$(CC) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -o $@ $(filter %.c %.o,$^) $(CGI_LIBS)

$(BUILD_DIR)/opencode-callback.fcgi: $(FCGI) $(CORE)
	$(CC) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -o $@ $(filter %.c %.o,$^) $(CORE_LIBS) -lfcgi

$(BUILD_DIR)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD_DIR)/tests/unit/%: tests/unit/%.c $(filter-out $(BUILD_DIR)/fcgi/main.o,$(FCGI)) $(CORE)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -MF $@.d -o $@ $(filter %.c %.o,$^) $(CORE_LIBS) \
		-lfcgi -lcmocka

# The sandbox's filters, for the architecture of the machine that makes them.
$(BUILD_DIR)/common/process/sandbox_policy: common/process/sandbox_policy.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -MF $@.d -o $@ $< -lseccomp

$(BUILD_DIR)/common/process/sandbox_filter.h: $(BUILD_DIR)/common/process/sandbox_policy
	$< >$@.new
	mv $@.new $@

$(BUILD_DIR)/common/process/sandbox.o: OWN_CFLAGS += -I$(BUILD_DIR)/common
ifneq ($(SANDBOX),no)
$(BUILD_DIR)/common/process/sandbox.o: $(BUILD_DIR)/common/process/sandbox_filter.h
endif

# The scripts of the store in Redis, with the hashes by which Redis knows them.
REDIS_SCRIPTS = $(filter-out %/prelude.lua,$(sort $(wildcard common/store/redis/scripts/*.lua)))
$(BUILD_DIR)/common/store/redis/redis_scripts.h: common/store/redis/scripts/embed common/store/redis/scripts/prelude.lua $(REDIS_SCRIPTS)
	@mkdir -p $(@D)
	$^ >$@.new
	mv $@.new $@

$(BUILD_DIR)/common/store/redis/redis_store.o: OWN_CFLAGS += -I$(BUILD_DIR)/common
$(BUILD_DIR)/common/store/redis/redis_store.o: $(BUILD_DIR)/common/store/redis/redis_scripts.h

# .incbin is invisible to -MMD
$(BUILD_DIR)/common/view/asset.o: $(wildcard common/view/assets/*)
$(BUILD_DIR)/common/view/asset.o: OWN_CFLAGS += -DASSET_VERSION='"$(shell cat common/view/assets/* | sha256sum | cut -c1-16)"'

$(BUILD_DIR)/tests/pages/render: tests/pages/render.c $(CORE)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -MF $@.d -o $@ $(filter %.c %.o,$^) $(CORE_LIBS)

# Libraries that tests load before libc to make its calls fail; never with a sanitizer.
FAULTS = $(patsubst tests/faults/%.c,$(BUILD_DIR)/tests/faults/%.so,$(wildcard tests/faults/*.c))

$(BUILD_DIR)/tests/faults/%.so: tests/faults/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(if $(WERROR),-Werror) -O2 -fPIC -shared -o $@ $<

tests: all $(UNIT) $(BUILD_DIR)/tests/pages/render $(FAULTS)

# The programs without their sandbox, for tests that trace them or make libc calls fail.
traced:
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/traced SANDBOX=no all traced-libraries
traced-libraries: $(FAULTS)

# The fuzz targets: as replay programs, with gcc and with clang, and live, with libFuzzer. Replay and
# live programs share clang's objects; replay programs ignore the counters for libFuzzer. The linker
# replaces the clocks, the log and, for some, the calls to opencode by those of tests/fuzz.
FUZZ_CLANG ?= $(firstword $(foreach name,clang-14 clang,$(shell command -v $(name))) clang)
FUZZ_SECONDS ?= 60
FUZZ_NAMES = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_CFLAGS = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_WRAP = -Wl,--wrap=clock_gettime,--wrap=time,--wrap=nanosleep,--wrap=syslog,--wrap=__syslog_chk,--wrap=__vsyslog_chk
FUZZ_HELP = $(patsubst %.c,$(BUILD_DIR)/%.o,$(filter-out %_fuzz.c %/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_CORE = $(CORE) $(patsubst %,$(BUILD_DIR)/fcgi/%.o,libfcgi connection record)
FUZZ_LINK = $(CC) $(CFLAGS) $(LDFLAGS) $(FUZZ_WRAP) -o $@ $(filter %.o,$^) $(CORE_LIBS) -lfcgi -pthread

$(BUILD_DIR)/replay/%: $(BUILD_DIR)/tests/fuzz/%_fuzz.o $(BUILD_DIR)/tests/fuzz/replay.o $(FUZZ_HELP) $(FUZZ_CORE)
	@mkdir -p $(@D)
	$(FUZZ_LINK)

$(BUILD_DIR)/live/%: $(BUILD_DIR)/tests/fuzz/%_fuzz.o $(FUZZ_HELP) $(FUZZ_CORE)
	@mkdir -p $(@D)
	$(FUZZ_LINK) -fsanitize=fuzzer

$(BUILD_DIR)/replay/opencode_json $(BUILD_DIR)/live/opencode_json: \
	FUZZ_WRAP += -Wl,--wrap=call_send,--wrap=call_start,--wrap=call_finish

replay-programs: $(addprefix $(BUILD_DIR)/replay/,$(FUZZ_NAMES))
live-programs: $(addprefix $(BUILD_DIR)/live/,$(FUZZ_NAMES))

replay:
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/fuzz/gcc CC=gcc CFLAGS='$(FUZZ_CFLAGS)' replay-programs
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/fuzz/clang CC=$(FUZZ_CLANG) \
		CFLAGS='$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link' replay-programs

# Runs each target for FUZZ_SECONDS and keeps what it found below BUILD_DIR/fuzz/NAME.
fuzz:
	tests/install-deps fuzz
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/fuzz/clang CC=$(FUZZ_CLANG) \
		CFLAGS='$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link' live-programs
	BUILD_DIR=$(BUILD_DIR) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(FUZZ_NAMES)

# Like run, installs what it needs first, so that a fresh machine takes no other command.
check:
	tests/install-deps check
	$(MAKE) tests traced replay
	BUILD_DIR=$(BUILD_DIR) tests/check

# Signs in with every version of opencode in tests/lib/versions.mjs.
check-opencodes:
	tests/install-deps check
	tests/install-deps opencodes
	$(MAKE) tests
	OPENCODES=all BUILD_DIR=$(BUILD_DIR) tests/check e2e/versions

# Run `make run` and `make check`, as root, on a Debian that is made for it. TREE is the path of this
# folder in that Debian (/root/opencode-callback).
check-debian12:
	tests/debian/check bookworm
check-debian13:
	tests/debian/check trixie

# Runs the unit tests, those of the front ends and some others under the sanitizers.
sanitize:
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/sanitize SANDBOX=no \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" tests
	BUILD_DIR=$(BUILD_DIR)/sanitize tests/check unit/ frontends/ doctor/ faults/load faults/opencode faults/store

# Runs compilers and checkers as static analysis; any finding is an error.
SOURCES = $(sort $(shell find common cgi fcgi -name '*.c'))
analyze:
	tests/install-deps analyze
	clang-format-14 --dry-run -Werror $$(find common cgi fcgi tests -name node_modules -prune -o -name '*.[ch]' -print)
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/analyze CC=gcc CFLAGS="-O2 -fanalyzer" WERROR=1 all
	$(MAKE) BUILD_DIR=$(BUILD_DIR)/analyze-clang CC=clang CFLAGS="-O2" WERROR=1 all
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=varFuncNullUB --error-exitcode=1 \
		-D_GNU_SOURCE -Icommon -Ifcgi -I$(BUILD_DIR)/analyze/common common cgi fcgi
	clang-tidy-14 --quiet $(SOURCES) -- -std=c11 -D_GNU_SOURCE -Icommon -Ifcgi \
		-I$(BUILD_DIR)/analyze/common

soak: all
	tests/install-deps check
	BUILD_DIR=$(BUILD_DIR) node tests/soak/soak.mjs

# Measures which lines and branches of the core the tests run; see tests/coverage.
COVERAGE = $(BUILD_DIR)/coverage
coverage:
	tests/install-deps check
	tests/install-deps coverage
	$(MAKE) BUILD_DIR=$(COVERAGE) SANDBOX=no CC=gcc CFLAGS="-O0 -g --coverage -fprofile-update=atomic" \
		tests replay-programs
	BUILD_DIR=$(COVERAGE) tests/coverage

# OPENCODE=2 make run starts a preview of opencode 2.
run:
	@BUILD_DIR=$(BUILD_DIR) tests/demo/start

# The benchmark's tools, and the programs that it compares ours with, built by the same compiler and
# flags as ours. The benchmark makes answer.h itself, from what the CGI program prints.
BENCH = $(patsubst %,$(BUILD_DIR)/tests/bench/%,ask start spawn standin fill floor_fcgi floor_cgi floor_cgi_calls)
BENCH_LINK = $(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -MF $@.d -o $@

bench-programs: $(BENCH)
$(BUILD_DIR)/tests/bench/ask $(BUILD_DIR)/tests/bench/start: tests/bench/message.c
$(BUILD_DIR)/tests/bench/fill: $(CORE)
$(BUILD_DIR)/tests/bench/fill: BENCH_LIBS = $(CORE_LIBS)
$(BUILD_DIR)/tests/bench/floor_fcgi: tests/bench/calls.c
$(BUILD_DIR)/tests/bench/floor_fcgi: BENCH_LIBS = -lfcgi -lcurl
$(BUILD_DIR)/tests/bench/floor_cgi $(BUILD_DIR)/tests/bench/floor_cgi_calls: OWN_CFLAGS += -I$(BUILD_DIR)/tests/bench
$(BUILD_DIR)/tests/bench/floor_cgi: $(BUILD_DIR)/tests/bench/answer.h

$(BUILD_DIR)/tests/bench/floor_cgi_calls: tests/bench/floor_cgi.c tests/bench/calls.c $(BUILD_DIR)/tests/bench/answer.h Makefile
	$(BENCH_LINK) -DCALLS $(filter %.c,$^) -lcurl

$(BUILD_DIR)/tests/bench/%: tests/bench/%.c Makefile
	@mkdir -p $(@D)
	$(BENCH_LINK) $(filter %.c %.o,$^) $(BENCH_LIBS)

# Builds the container images, and runs whole sign-ins in them. They need the registries.
check-images: tests
	tests/install-deps check
	tests/install-deps images
	@BUILD_DIR=$(BUILD_DIR) tests/check images/

# The pictures in README.md, from the pages as they are.
pictures: tests
	BUILD_DIR=$(BUILD_DIR) node tests/pages/pictures.mjs

bench:
	tests/install-deps bench
	$(MAKE) all
	BUILD_DIR=$(BUILD_DIR) tests/bench/run

install: all
	BUILD_DIR='$(BUILD_DIR)' PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' conf/install install

uninstall:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' conf/install uninstall

dist:
	@BUILD_DIR='$(BUILD_DIR)' conf/dist

# From the archive of make dist, in which it builds the programs anew.
deb:
	tests/install-deps deb
	@BUILD_DIR='$(BUILD_DIR)' conf/deb

clean:
	rm -rf $(BUILD_DIR)

-include $(shell find $(BUILD_DIR) -type f -name '*.d' 2>/dev/null)

.PHONY: all tests check check-opencodes check-images check-debian12 check-debian13 sanitize analyze coverage traced traced-libraries replay replay-programs live-programs fuzz soak run pictures bench \
	bench-programs install uninstall dist deb clean
