# vsock-cid-controller. `make help` lists what people call; everything is built under $(BUILD).
#
#   BUILD=dir   build folder (default build)
#   SAN=1       with AddressSanitizer and UndefinedBehaviorSanitizer
#   CC=clang-16 another compiler
#   V=1         show the commands

BUILD   ?= build
Q       := $(if $(V),,@)
ifeq ($(origin CC),default)
CC := gcc
endif
# The tag of a release, else twelve digits of the commit: of one length, and the same whatever other tags and objects a clone has.
VERSION := $(shell git describe --exact-match --tags --match 'v[0-9]*' --dirty 2>/dev/null || \
             git describe --always --exclude '*' --abbrev=12 --dirty 2>/dev/null || echo unknown)

PKGS    := libuv libcurl jansson openssl libmicrohttpd gnutls yaml-0.1
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
           -Wimplicit-fallthrough -Wvla -Werror
ifneq ($(SAN),)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
CPPFLAGS += -Ilib -I. -Itests -D_GNU_SOURCE
CFLAGS  ?= -O2 -g
# libuv handles are cast to their base types, hence -fno-strict-aliasing (as knot-resolver and dqlite do).
# Paths of the build folder's surroundings stay out, so that the same commit gives the same bytes anywhere.
ALL_CFLAGS := -std=gnu17 $(WARN) -ffile-prefix-map=$(CURDIR)=. -fno-strict-aliasing -fstack-protector-strong -fPIE $(SANFLAGS) $(CFLAGS)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm
CHECK_LIBS = $(shell pkg-config --libs check 2>/dev/null)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
, := ,

LIB_SRC        := $(wildcard lib/*/*.c)
CONTROLLER_SRC := $(filter-out controller/main.c,$(wildcard controller/*.c))
PLUGIN_SRC     := $(filter-out controller/plugin/main.c,$(wildcard controller/plugin/*.c))
SUPPORT_SRC    := $(wildcard tests/support/*.c)
UNIT_SRC       := $(wildcard tests/unit/test_*.c)
UNIT_BIN       := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))

LIBVSOCK      := $(BUILD)/libvsock.a
LIBCONTROLLER := $(BUILD)/libcontroller.a
LIBPLUGIN     := $(BUILD)/libplugin.a
LIBSUPPORT    := $(BUILD)/libsupport.a

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

.PHONY: all
all: $(BUILD)/vsock-cid-controller $(BUILD)/kubectl-vsock ## build the controller and the plugin

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# It embeds them.
$(BUILD)/obj/controller/policy_files.o: $(wildcard manifests/components/takeover/*.yaml)

# Written anew only when the version has changed, so that only version.c is compiled for it.
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(BUILD)/obj/lib/base/version.o: CPPFLAGS += -DVSOCK_VERSION='"$(VERSION)"'
$(BUILD)/obj/lib/base/version.o: $(BUILD)/version
.PHONY: FORCE
FORCE:

$(LIBVSOCK): $(call objs,$(LIB_SRC))
$(LIBCONTROLLER): $(call objs,$(CONTROLLER_SRC))
$(LIBPLUGIN): $(call objs,$(PLUGIN_SRC))
$(LIBSUPPORT): $(call objs,$(SUPPORT_SRC))
$(LIBVSOCK) $(LIBCONTROLLER) $(LIBPLUGIN) $(LIBSUPPORT):
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/vsock-cid-controller: $(call objs,controller/main.c) $(LIBCONTROLLER) $(LIBVSOCK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/kubectl-vsock: $(call objs,controller/plugin/main.c) $(LIBPLUGIN) $(LIBCONTROLLER) $(LIBVSOCK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

prefix ?= /usr/local
INSTALL_TO = $(DESTDIR)$(prefix)

.PHONY: install
install: all ## install programs, man pages and completion (DESTDIR, prefix=/usr/local)
	install -D -m 755 $(BUILD)/vsock-cid-controller $(INSTALL_TO)/bin/vsock-cid-controller
	install -D -m 755 $(BUILD)/kubectl-vsock $(INSTALL_TO)/bin/kubectl-vsock
	$(BUILD)/kubectl-vsock completion >$(INSTALL_TO)/bin/kubectl_complete-vsock
	chmod 755 $(INSTALL_TO)/bin/kubectl_complete-vsock
	install -D -m 644 controller/vsock-cid-controller.8 $(INSTALL_TO)/share/man/man8/vsock-cid-controller.8
	install -D -m 644 controller/plugin/kubectl-vsock.1 $(INSTALL_TO)/share/man/man1/kubectl-vsock.1

$(UNIT_BIN): $(BUILD)/%: $(BUILD)/obj/%.o $(LIBSUPPORT) $(LIBPLUGIN) $(LIBCONTROLLER) $(LIBVSOCK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)

.PHONY: unit-build
unit-build: $(UNIT_BIN)

# --- tests/apisim: an API server in C with faults on demand. All but main.c is a library, so that unit tests can run it in
# their own loop; the tools for trees and patches in it know nothing of servers.
APISIM_SRC := $(filter-out tests/apisim/main.c,$(wildcard tests/apisim/*.c))
LIBAPISIM  := $(BUILD)/libapisim.a

$(LIBAPISIM): $(call objs,$(APISIM_SRC))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/apisim: $(call objs,tests/apisim/main.c) $(LIBAPISIM) $(LIBVSOCK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lm

# Unit tests that embed it, besides its own.
APISIM_USERS := $(filter $(addprefix $(BUILD)/tests/unit/test_,apisim% elector%),$(UNIT_BIN))
$(APISIM_USERS): LIBS := $(LIBAPISIM) $(LIBVSOCK) $(LIBS) -lm
$(APISIM_USERS): $(LIBAPISIM)

# --- tests/contract: one program, run against each server by tests/contract/run.sh. It is linked with lib/base and
# nothing else of ours, which proves that what it says does not rest on the code it is there to judge.
CONTRACT_BIN := $(BUILD)/tests/contract/contract
CONTRACT_SRC := $(wildcard tests/contract/*.c tests/support/api*.c tests/support/suite.c lib/base/*.c)

$(CONTRACT_BIN): $(call objs,$(CONTRACT_SRC))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)

.PHONY: contract
contract: $(CONTRACT_BIN) $(BUILD)/apisim ## check what we rely on in the API, on apisim and on the real server
	tests/contract/run.sh $(BUILD) apisim
	tests/contract/run.sh $(BUILD) kube

# --- tests/sim: the allocator under a virtual clock. Linked with neither libuv nor libcurl, which proves that the core needs
# neither.
SIM_BIN := $(BUILD)/tests/sim/sim
SIM_SRC := $(wildcard tests/sim/*.c controller/allocator*.c lib/cid/*.c lib/json/*.c) \
           $(wildcard $(patsubst %,controller/%.c,identity vmi vmi_store)) $(patsubst %,lib/base/%.c,arena arena_table backoff buf error heap rng utf8)

$(SIM_BIN): $(call objs,$(SIM_SRC))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,--wrap=calloc,--wrap=reallocarray,--wrap=arena_alloc -o $@ $^ -lcrypto

# Whole controllers and a whole apisim, with libuv, libcurl, sockets and clocks of the simulation's own. What these replace is
# in the archives, too, and must not be needed from there: neither libuv nor libcurl is linked.
WHOLE_BIN  := $(BUILD)/tests/sim/whole
WHOLE_SRC  := $(wildcard tests/sim/whole/*.c) tests/sim/seeds.c tests/sim/trace.c
WHOLE_WRAP := clock_boot_ms clock_wall_us time log_write rng_init_secure store_put store_remove

$(WHOLE_BIN): $(call objs,$(WHOLE_SRC)) $(LIBCONTROLLER) $(LIBAPISIM) $(LIBVSOCK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(patsubst %,-Wl$(,)--wrap=%,$(WHOLE_WRAP)) -o $@ $^ -ljansson -lyaml -lcrypto -lm

.PHONY: sim sim-build sim-mutants
sim: ## simulate the allocator, then whole controllers (SEEDS=1000, FIRST=1)
	@$(DEPS) build test
	@$(AGAIN) sim-build
	$(SIM_BIN) --first $(or $(FIRST),1) --seeds $(SEEDS)
	$(WHOLE_BIN) --first $(or $(FIRST),1) --seeds $(SEEDS)
sim-build: $(SIM_BIN) $(WHOLE_BIN)
sim-mutants: ## show that the simulations find the deliberate bugs of tests/sim/mutants
	@$(DEPS) build test
	tests/sim/mutants.sh

# --- tests/model: the term stripes as a Promela model, searched by spin.
.PHONY: model
model: ## search every order of events for a CID given twice, with spin
	@$(DEPS) build test
	@BUILD=$(BUILD) tests/model/run.sh

# --- tests/demo and tests/e2e. Like the contract cases they are linked with lib/base and nothing else of ours.
JUDGE_SRC := $(wildcard tests/support/api*.c tests/support/process.c lib/base/*.c) tests/e2e/tally.c tests/e2e/scrape.c
DEMO_BIN  := $(BUILD)/tests/demo/demo
E2E_BIN   := $(patsubst %,$(BUILD)/tests/e2e/%,audit vmis measure chaos/proxy chaos/churn)

$(DEMO_BIN): $(call objs,$(wildcard tests/demo/*.c) $(JUDGE_SRC))
$(E2E_BIN): $(BUILD)/%: $(BUILD)/obj/%.o $(call objs,$(JUDGE_SRC))
$(DEMO_BIN) $(E2E_BIN):
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: e2e-build e2e-chaos
e2e-build: $(E2E_BIN)
e2e-chaos: ## two replicas on the real kube-apiserver, and every fault there is (about 15 minutes)
	@$(DEPS) build test
	@tests/controlplane/controlplane.sh build
	@$(AGAIN) all e2e-build
	@tests/e2e/chaos/run.sh $(BUILD) long

# --- tests/bench: hotpath and micro measure what is done with bytes. Linked with neither libuv nor libcurl, which proves that
# no I/O is in it.
HOTPATH_BIN := $(patsubst %,$(BUILD)/tests/bench/%,hotpath micro)
HOTPATH_SRC := $(patsubst %,tests/bench/%.c,stream pipeline scenario) tests/support/api_vmi_template.c \
               $(wildcard controller/allocator*.c lib/cid/*.c lib/json/*.c) \
               $(patsubst %,controller/%.c,identity vmi vmi_patch vmi_store) \
               $(patsubst %,lib/base/%.c,arena arena_table backoff buf error heap rng utf8) \
               $(patsubst %,lib/kube/%.c,list_reader reflector_object rv watch_reader)

$(HOTPATH_BIN): $(BUILD)/%: $(BUILD)/obj/%.o $(call objs,$(HOTPATH_SRC))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -ljansson -lcrypto

.PHONY: hotpath-build
hotpath-build: $(HOTPATH_BIN)

# --- tests/bench: how fast and how small, beside the peers and the raw server. The driver and the raw generator are linked
# with lib/base and tests/support and nothing else of ours; LIBBENCH is what unit tests and the report share.
LIBBENCH      := $(BUILD)/libbench.a
LIBBENCH_SRC  := $(addprefix tests/bench/,samples.c stats.c figure.c target.c targets.c chart.c charts.c svg.c frame.c)
BENCH_BIN     := $(addprefix $(BUILD)/tests/bench/,bench raw report sockets bare scan)
BENCH_SUPPORT := $(call objs,$(wildcard tests/support/api*.c) tests/support/process.c $(wildcard lib/base/*.c))
bench_objs     = $(call objs,$(addprefix tests/bench/,$(addsuffix .c,$(1))))

$(LIBBENCH): $(call objs,$(LIBBENCH_SRC))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/tests/bench/bench: $(call objs,$(wildcard tests/bench/scenario_*.c)) \
  $(call bench_objs,main cluster meter observer sim subject turn watch wire)
$(BUILD)/tests/bench/raw: $(call bench_objs,raw raw_read patcher meter watch wire)
$(BUILD)/tests/bench/report: $(call bench_objs,report)
$(BUILD)/tests/bench/sockets: $(call bench_objs,sockets meter requests)
# It judges nothing: it measures the controller's own readers.
$(BUILD)/tests/bench/scan: $(call bench_objs,scan meter stay wire) $(LIBCONTROLLER) $(LIBVSOCK)
$(BUILD)/tests/bench/bare: $(call bench_objs,bare curl_loop meter requests wire)
$(BENCH_BIN): $(BENCH_SUPPORT) $(LIBBENCH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIBBENCH) $(filter %.a,$^) $(LIBS)

$(BUILD)/tests/unit/test_bench: LIBS := $(LIBBENCH) $(LIBVSOCK) $(LIBS)
$(BUILD)/tests/unit/test_bench: $(LIBBENCH)

# --- tests/monitoring: the dashboard as a picture, with the means of tests/bench.
PICTURE_BIN := $(BUILD)/tests/monitoring/picture

$(PICTURE_BIN): $(call objs,$(wildcard tests/monitoring/*.c lib/base/*.c)) $(LIBBENCH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- tests/image: what AF_VSOCK is in a container, of nothing but libc, which is all that the image has for it.
IMAGE_BIN := $(BUILD)/tests/image/sockets

$(IMAGE_BIN): $(call objs,tests/image/sockets.c)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

.PHONY: bench bench-build
bench: ## measure beside the peers and the raw server (an hour; BENCH_ROUNDS=6, BENCH_ONLY=word, BENCH_QUICK=1)
	@$(DEPS) build test
	@tests/controlplane/controlplane.sh build
	@$(AGAIN) all bench-build
	@tests/bench/run.sh $(BUILD)
bench-build: $(BENCH_BIN) $(BUILD)/apisim

# --- tests/fuzz: each target twice, with replay.c as an ordinary program and, by make fuzz, with libFuzzer.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SRC))
FUZZ_SECONDS ?= 60

$(FUZZ_BIN): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/obj/tests/fuzz/replay.o $(LIBCONTROLLER) $(LIBVSOCK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: fuzz
fuzz: ## search for new findings, FUZZ_SECONDS=60 per target; new inputs land in build/fuzz
	@$(DEPS) build lint
	$(Q)for source in $(FUZZ_SRC); do \
	  name=$$(basename $$source .c); corpus=$(BUILD)/fuzz/$${name#fuzz_}; mkdir -p $$corpus; \
	  clang-16 $(CPPFLAGS) $(PKG_CFLAGS) -std=gnu17 -O1 -g -fno-strict-aliasing -fsanitize=fuzzer,address,undefined \
	    -o $(BUILD)/fuzz/$$name $$source controller/vmi.c controller/identity.c $(filter-out lib/http/%,$(LIB_SRC)) $(LIBS) && \
	  $(BUILD)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) $$corpus tests/fuzz/corpus/$${name#fuzz_} || exit; \
	done

# --- what people call. Each installs what it needs first and then calls make again, because the libraries' flags above are
# read when make starts.
DEPS := tests/tools/deps.sh
AGAIN = $(MAKE) --no-print-directory BUILD=$(BUILD)
RUN_SUITES = BUILD=$(BUILD) tests/tools/suites.sh
SEEDS ?= 1000

.PHONY: deps
deps: ## install all Debian packages that these targets need
	@$(DEPS) build image test lint

.PHONY: image
image: ## an OCI archive and its SBOM in build/image, without a registry
	@$(DEPS) build image
	@$(AGAIN) all
	@manifests/image/build.sh $(BUILD)

.PHONY: demo demo-build
demo: ## show the controller at work (CLUSTER=kube: on the real kube-apiserver)
	@$(DEPS) build $(if $(filter kube,$(CLUSTER)),test)
	@$(AGAIN) demo-build
	@tests/demo/run.sh $(BUILD) $(or $(CLUSTER),apisim)
demo-build: $(BUILD)/vsock-cid-controller $(BUILD)/apisim $(BUILD)/tests/demo/demo

# Everything that a suite runs, built beforehand so that a suite's time is its own.
.PHONY: test-build
test-build: all unit-build demo-build sim-build e2e-build hotpath-build bench-build $(PICTURE_BIN) $(IMAGE_BIN) $(CONTRACT_BIN) $(FUZZ_BIN)

.PHONY: check
check: ## the fast part of the tests: units, simulation, contract against apisim
	@$(DEPS) build test
	@$(AGAIN) test-build
	@$(RUN_SUITES) \
	  unit='tests/tools/unit.sh' \
	  fuzz='tests/fuzz/run.sh $(BUILD)' \
	  sim='$(BUILD)/tests/sim/sim --seeds 200' \
	  sim-whole='$(BUILD)/tests/sim/whole --seeds 500' \
	  contract-apisim='tests/contract/run.sh $(BUILD) apisim' \
	  e2e-apisim='tests/e2e/run.sh $(BUILD) apisim'

.PHONY: test
test: ## every test that can run here, the real kube-apiserver included
	@$(DEPS) build test
	@tests/controlplane/controlplane.sh build
	@$(AGAIN) test-build
	@$(RUN_SUITES) \
	  unit='tests/tools/unit.sh' \
	  fuzz='tests/fuzz/run.sh $(BUILD)' \
	  sim='$(BUILD)/tests/sim/sim --seeds $(SEEDS)' \
	  sim-whole='$(BUILD)/tests/sim/whole --seeds 8000' \
	  model='tests/model/run.sh --short' \
	  sim-mutants='tests/sim/mutants.sh' \
	  contract-apisim='tests/contract/run.sh $(BUILD) apisim' \
	  contract-kube-own='VSOCK_CRDS=own tests/contract/run.sh $(BUILD) kube' \
	  contract-kube-genuine='tests/contract/run.sh $(BUILD) kube' \
	  e2e-apisim='tests/e2e/run.sh $(BUILD) apisim' \
	  e2e-kube='tests/e2e/run.sh $(BUILD) kube' \
	  e2e-kube134='tests/e2e/run.sh $(BUILD) kube134' \
	  monitoring='tests/monitoring/run.sh $(BUILD)' \
	  monitoring-e2e='tests/monitoring/e2e.sh $(BUILD)' \
	  image='tests/image/run.sh $(BUILD)' \
	  instructions='tests/bench/guard.sh' \
	  bench='BENCH_QUICK=1 BENCH_ROUNDS=1 BENCH_PEERS=no BENCH_ONLY=gate tests/bench/run.sh $(BUILD) && echo 1 passed, 0 failed' \
	  auditor='tests/controlplane/controlplane.sh audit --self-test' \
	  e2e-chaos='tests/e2e/chaos/run.sh $(BUILD) short' \
	  demo-kube='tests/demo/run.sh $(BUILD) kube && echo 1 passed, 0 failed'

.PHONY: lint
lint: ## formatter, static analysis, shell check
	@$(DEPS) build lint
	@BUILD=$(BUILD) tests/tools/lint.sh

.PHONY: format
format: ## format all C files
	git ls-files '*.c' '*.h' | xargs clang-format-16 -i

.PHONY: clean
clean: ## remove the build folder
	rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-zA-Z0-9_-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 22

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
