# Everything from a fresh Debian 12 or 13 on. `make help` lists the targets.

.DEFAULT_GOAL := help
.SHELLFLAGS := -euc
.DELETE_ON_ERROR:
.SUFFIXES:

# A user's own Python settings and locale must not reach what is built or run here.
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX
export LC_ALL := C.UTF-8
# Where Debian keeps ip, bird and nginx, which a user's PATH leaves out.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
export LANGUAGE :=

VENV   := .venv
PYTHON := $(VENV)/bin/python
CLANG  ?= clang
CC     ?= cc

# Debian keeps asm/types.h in a directory per architecture, which clang does not search for a BPF target.
ARCH_INCLUDE = /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null || echo "$$(uname -m)-linux-gnu")
BPF_CFLAGS   = -O2 -g -Wall -Werror -target bpf -isystem $(ARCH_INCLUDE)

OBJECT  := build/vc5.bpf.o
MAGLEV  := compiler/vc5c/libmaglev.so
LAYOUT  := runtime/vc5d/xdp/layout.py
LAB_BPF := build/lab/vlan.bpf.o build/lab/pass.bpf.o build/lab/decap.bpf.o build/lab/loss.bpf.o

KEEP ?=

PREFIX  ?= /usr
DESTDIR ?=

##@ The two that matter

.PHONY: demo
demo: build $(LAB_BPF) ## the whole system in network namespaces, told step by step; KEEP=1 leaves it up
	@tools/lab demo $(if $(KEEP),--keep)

.PHONY: test
test: build $(LAB_BPF) ## all tests; those that need root or BPF are skipped without, and say so
	$(PYTHON) -m pytest $(PYTEST_ARGS)

##@ Building

.PHONY: setup
setup: $(VENV)/.installed ## install what is missing: Debian packages, the virtual environment

.PHONY: build
build: setup $(OBJECT) $(MAGLEV) ## .venv/bin/{vc5c,vc5d,vc5ctl} and build/vc5.bpf.o

.PHONY: generate
generate: build ## write runtime/vc5d/xdp/layout.py from the object's BTF, and docs from code and schemas
	$(PYTHON) -m vc5d.xdp.generate $(OBJECT)
	$(PYTHON) tools/generate

.PHONY: lock
lock: setup ## pin pyproject.toml's dependencies in requirements.lock, with hashes
	tools/lock

.PHONY: wheelhouse
wheelhouse: build/wheelhouse/.made ## build/wheelhouse: what `make install` needs, so that it needs no network

.PHONY: bundle
bundle: build build/bundle/vc5.tar.gz ## build/bundle/vc5.tar.gz: what the Ansible roles install on a load balancer

.PHONY: install
install: build wheelhouse ## onto this host, or into DESTDIR; PREFIX is /usr: docs/install.md
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install install

.PHONY: uninstall
uninstall: ## stop vc5d, and remove it from this host or from DESTDIR
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install uninstall

.PHONY: packages
packages:
	@tools/setup packages

# Instant while neither the lock, the project's metadata nor the Python underneath has changed.
$(VENV)/.installed: requirements.lock pyproject.toml tools/setup | packages
	@tools/setup venv $(VENV)

WHEEL_SOURCES = $(shell find compiler runtime schemas -name '*.py' -o -name '*.json' -o -name '*.j2' -o -name '*.c')
build/wheelhouse/.made: $(VENV)/.installed $(MAGLEV) tools/wheelhouse $(WHEEL_SOURCES)
	$(PYTHON) tools/wheelhouse $(@D)
	@touch $@

BUNDLED = $(wildcard runtime/systemd/* docs/man/*) inventories/example/config.yaml README.md CHANGELOG.md LICENSE
build/bundle/vc5.tar.gz: $(OBJECT) build/wheelhouse/.made tools/install tools/bundle $(BUNDLED)
	@tools/bundle $@

$(OBJECT): bpf/vc5.bpf.c $(wildcard bpf/*.h) Makefile | packages
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -Ibpf -c $< -o $@

$(MAGLEV): compiler/vc5c/maglev.c Makefile | packages
	$(CC) -O2 -Wall -Werror -shared -fPIC $< -o $@

build/lab/%.bpf.o: tests/lab/%.bpf.c Makefile | packages
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

##@ Proving

.PHONY: check
check: build ## format, lint, types, schemas, generated files not stale
	@tools/check

.PHONY: e2e
e2e: build $(LAB_BPF) ## only the tests in network namespaces
	$(PYTHON) -m pytest tests/lab $(PYTEST_ARGS)

.PHONY: failover
failover: build $(LAB_BPF) ## failover figures from the lab, into docs/failover.md; a quarter of an hour
	tools/failover
	PYTHONPATH=tests $(PYTHON) -m lab.failover.figures

.PHONY: simulate
simulate: build ## a year of failures of 64 load balancers, into docs/failover.md; a quarter of an hour
	$(PYTHON) -m tests.simulation

.PHONY: systemd-test
systemd-test: build wheelhouse ## the unit on a host that systemd booted; two minutes, and two more the first time
	VC5_SYSTEMD=1 $(PYTHON) -m pytest tests/systemd $(PYTEST_ARGS)

RELEASE ?= bookworm

.PHONY: fleet
fleet: export VC5_FLEET := 1
fleet: build bundle $(LAB_BPF) ## site.yml and the other playbooks on eight hosts that systemd boots; RELEASE=trixie, KEEP=1, STEPS=cfgz
	@tools/fleet run --release $(RELEASE) $(if $(KEEP),--keep) $(if $(STEPS),--steps $(STEPS))

.PHONY: bench
bench: bench-compiler ## nanoseconds per packet, health checks and shared flows a second, the compiler's seconds, on this machine
	$(PYTHON) -m tests.bench.datapath
	$(PYTHON) -m tests.bench.health
	$(PYTHON) -m tests.bench.runtime
	$(PYTHON) -m tests.bench.sharing

.PHONY: bench-compiler
bench-compiler: build ## what compiling costs, and how much of a table moves when a real goes
	$(PYTHON) -m tests.bench.compiler

.PHONY: bench-scale
bench-scale: build ## memory and time against services, reals and flows, and docs/sizing.md from what was measured
	$(PYTHON) -m tests.bench.scale
	$(PYTHON) -m tests.bench.sizing --page docs/sizing.md

FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: build ## any bytes as a configuration, by atheris, for FUZZ_SECONDS; it says how to install that
	$(PYTHON) -m tests.compiler.fuzz -max_total_time=$(FUZZ_SECONDS)

N ?= 10000000

.PHONY: fuzz-datapath
fuzz-datapath: build ## N=10000000 mutated packets to the XDP program and its model; ten minutes on two cores
	$(PYTHON) -m tests.bpf.fuzz $(N)

.PHONY: live
live: build ## changes and a flood under live traffic, packet by packet; a minute or two
	$(PYTHON) -m tests.bpf.live

.PHONY: cost
cost: build ## instructions of the XDP program, and how many the verifier looked at
	@$(PYTHON) -m tests.bpf.cost $(OBJECT)

RELEASES ?= bookworm trixie

vmtest matrix ipvs: export VC5_VM := 1

.PHONY: vmtest
vmtest: packages ## the project on Debian's own kernels, in virtual machines: docs/kernels.md; half an hour and more
	@SECTIONS='$(SECTIONS)' tools/vmtest $(if $(QUICK),--quick) $(RELEASES)

.PHONY: matrix
matrix: build ## every kernel with clang 14, 16 and 19, into docs/kernels.md; some minutes
	PYTHONPATH=tests python3 -m vm.matrix

.PHONY: ipvs
ipvs: packages ## IPVS beside this load balancer in one virtual machine, into docs/ipvs.md; some minutes
	PYTHONPATH=tests python3 -m vm.ipvs

##@ Cleaning up

.PHONY: clean-lab
clean-lab: ## remove whatever a lab or a fleet left behind: namespaces, processes, mounts, pins, files
	@tools/lab clean
	@tools/fleet down

.PHONY: clean
clean: ## remove what was built; the virtual environment stays
	rm -rf build $(MAGLEV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find bpf compiler runtime schemas tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5); next } \
		/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
