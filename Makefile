# Targets: all check bench install run clean style
# CFLAGS, LDFLAGS, PREFIX and DESTDIR are the user's.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BUILD ?= build

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
	-Wno-sign-conversion -Wformat=2 -Wundef
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Icommon -Icgi -Ifcgi $(WARNINGS) $(if $(WERROR),-Werror) \
	-fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -pthread -MMD -MP
OWN_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread
CORE_LIBS = -linih -lsodium -ljansson -lm -ldl

CORE = $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c))
CGI_SHARED = $(BUILD)/cgi/meta.o $(BUILD)/cgi/start.o
CGI = $(BUILD)/cgi/main.o $(CGI_SHARED)
FCGI = $(patsubst %.c,$(BUILD)/%.o,$(wildcard fcgi/*.c)) $(CGI_SHARED)
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*_test.c))

all: $(BUILD)/opencode-callback.cgi $(BUILD)/opencode-callback.fcgi

$(BUILD)/opencode-callback.cgi: $(CGI) $(CORE)
	$(CC) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -o $@ $^ $(CORE_LIBS)

$(BUILD)/opencode-callback.fcgi: $(FCGI) $(CORE)
	$(CC) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -o $@ $^ $(CORE_LIBS) -lfcgi

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: tests/unit/%.c $(filter-out $(BUILD)/fcgi/main.o,$(FCGI)) $(CORE)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) $(LDFLAGS) $(OWN_LDFLAGS) -MF $@.d -o $@ $^ $(CORE_LIBS) \
		-lfcgi -lcmocka

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all clean
