# pg_merch: retail promotions and inventory allocation inside PostgreSQL
#
#   make && make install     build and install for the server of PG_CONFIG
#   make demo                the main job on real data, on a private server
#   make check               every test, on private servers
#   make unit                the kernels' tests alone
#   make bench [BENCH=name]  every benchmark, or one
#   make reference, make dist
#   make check-majors        build and test on Debian's other majors, in chroots

EXTENSION  = pg_merch
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(EXTENSION).control)

KERNEL_OBJS = $(patsubst %.c,%.o,$(wildcard src/kernel/*.c))
MODULE_big  = $(EXTENSION)
OBJS        = $(KERNEL_OBJS) $(patsubst %.c,%.o,$(wildcard src/pg/*.c))
INCLUDES    = $(wildcard src/kernel/*.h src/pg/*.h)
INSTALL_SQL = $(EXTENSION)--$(EXTVERSION).sql
DATA_built  = $(INSTALL_SQL)
SHLIB_LINK  = -lm

REGRESS        = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test --outputdir=build/regress --load-extension=$(EXTENSION)
ISOLATION      = $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=build/isolation --load-extension=$(EXTENSION)
REGRESS_PREP   = test-folders
TAP_TESTS      = 1
PROVE_TESTS    = $(sort $(wildcard test/t/*.pl))

# bitcode for the just-in-time compiler gains nothing: the hot loops are the kernels'
override with_llvm = no
WARNINGS    = -Wall -Wextra $(WERROR) -Wno-unused-parameter -Wno-sign-compare

PG_CONFIG ?= pg_config
SHELL      = /bin/bash
STANDALONE = demo check unit bench check-majors reference dist clean

ifneq ($(filter $(STANDALONE),$(MAKECMDGOALS)),)
.PHONY: $(STANDALONE)
demo check unit bench check-majors reference dist:
	@scripts/$@ $(BENCH)
clean:
	rm -rf build META.json $(INSTALL_SQL) $(EXTENSION).so $(OBJS)
else
ifeq ($(filter 15 16 17 18,$(shell $(PG_CONFIG) --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')),)
$(error pg_merch needs the server files of PostgreSQL 15 to 18, and $(PG_CONFIG) says "$(shell $(PG_CONFIG) --version)"; name another with make PG_CONFIG=...)
endif
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
endif

# kernels see the C library and each other, never the server
$(KERNEL_OBJS): override CPPFLAGS =
$(KERNEL_OBJS): override CFLAGS = -std=c11 -pedantic -O2 -g -fPIC -fvisibility=hidden $(WARNINGS)
src/pg/%.o: override CPPFLAGS := -Isrc/kernel -DMERCH_VERSION='"$(EXTVERSION)"' $(CPPFLAGS)
src/pg/%.o: override CFLAGS += $(WARNINGS)
$(OBJS): $(INCLUDES)

test-folders:
	mkdir -p build/regress build/isolation

$(INSTALL_SQL): $(sort $(wildcard sql/install/*.sql)) $(sort $(wildcard sql/model/*.sql)) $(EXTENSION).control
	scripts/install-sql >$@
