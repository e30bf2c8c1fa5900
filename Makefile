# SPDX-License-Identifier: Apache-2.0
# The front door. `make demo` shows it, `make test` proves it; both set up what they need on a Debian 12.
.DEFAULT_GOAL := build
.PHONY: help setup build demo test test-long check conformance bench fuzz asan tsan install uninstall fmt golden-update clean

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
ONLY ?= .
# Relative names in the cache: a copy of the tree (tests/meta/new-tool.sh), another checkout and the sanitizers share it.
export CCACHE_BASEDIR = $(CURDIR)
export CCACHE_NOHASHDIR = 1
export CCACHE_SLOPPINESS = pch_defines,time_macros
CCACHE := $(if $(shell command -v ccache),-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
CMAKE = cmake -S . -G Ninja $(CCACHE) -DTWINPIPE_PCH=ON -DCMAKE_INSTALL_PREFIX=$(PREFIX)
NINJA = ninja -j$(JOBS)
# Half of the tests wait for processes, so two at once pay off even on one core.
CTEST = ctest --test-dir build --output-on-failure --no-tests=error -j2 -R '$(ONLY)'

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup:  ## Install what is missing to build and test (Debian 12: apt-get)
	scripts/setup build test

setup-%:
	scripts/setup $*

build: setup-build  ## The tools into build/bin
	$(CMAKE) -B build -DTWINPIPE_TESTS=OFF
	$(NINJA) -C build

demo: setup-demo build  ## From a Sparkplug sensor to twin state, through real pipes
	scripts/demo

test: setup asan-build  ## The short tier, plain and under ASan + UBSan. ONLY=regex picks some
	$(CMAKE) -B build -DTWINPIPE_TESTS=ON -DTWINPIPE_ASAN=ON
	$(NINJA) -C build
	$(CTEST) -L short

test-long: setup-long tsan-build  ## The campaigns
	$(CMAKE) -B build -DTWINPIPE_TESTS=ON -DTWINPIPE_TSAN=ON
	$(NINJA) -C build
	$(CTEST) -L long

test-build:
	$(CMAKE) -B build -DTWINPIPE_TESTS=ON -DTWINPIPE_WERROR=ON
	$(NINJA) -C build

# The sanitizers' builds take part in the one run of ctest as asan.* and tsan.* (tests/CMakeLists.txt).
asan-build:
	$(CMAKE) -B build-asan -DTWINPIPE_TESTS=ON -DTWINPIPE_SANITIZE=address,undefined
	$(NINJA) -C build-asan

tsan-build:
	$(CMAKE) -B build-tsan -DTWINPIPE_TESTS=ON -DTWINPIPE_SANITIZE=thread
	$(NINJA) -C build-tsan

asan: setup asan-build  ## Every short test but the meta tests under ASan + UBSan
	ctest --test-dir build-asan --output-on-failure -j2 -L short -E '^(meta|asan)\.' -R '$(ONLY)'

tsan: setup tsan-build  ## The unit tests, pipes and clients under TSan
	ctest --test-dir build-tsan --output-on-failure -j2 -L short -E '^(meta|asan|golden)\.' -R '$(ONLY)'

check: setup-check test-build  ## Formatting, layers, clang-tidy over what changed (all of it: TIDY=all)
	scripts/check $(TIDY)

conformance: test-build  ## The statements of Sparkplug 3.0 (tck-id-…) that the tests prove: tags of test cases, names in scripts
	@{ build/tests/unit_tests --list-tags; build/tests/property_tests --list-tags; cat tests/interop/*.sh; } 2>/dev/null | \
	  grep -o 'tck-id-[a-z0-9-]*' | sort -u | awk '{ print } END { print NR " statements of Sparkplug 3.0" }'

bench: setup-bench  ## Ratios against peers and against the pipe's own limit
	$(CMAKE) -B build -DTWINPIPE_TESTS=ON
	$(NINJA) -C build
	tests/bench/run build

# libFuzzer comes with clang. SECONDS_EACH: how long each target is fuzzed; what is found stays in build-fuzz/.
SECONDS_EACH ?= 60
fuzz: setup-check  ## Fuzz every target for SECONDS_EACH=60
	CC=clang CXX=clang++ $(CMAKE) -B build-fuzz -DTWINPIPE_TESTS=ON -DTWINPIPE_FUZZ=ON -DTWINPIPE_PCH=OFF -DTWINPIPE_SANITIZE=address,undefined
	$(NINJA) -C build-fuzz fuzzers
	tests/fuzz/run build-fuzz $(SECONDS_EACH)

install: build  ## Tools and man pages into PREFIX=/usr/local (DESTDIR is honoured)
	cmake --install build

uninstall:  ## Removes what install put there
	xargs -r -a build/install_manifest.txt -I{} rm -f "$(DESTDIR){}"

fmt: setup-check  ## clang-format over all sources
	git ls-files '*.cpp' '*.hpp' '*.c' | xargs clang-format -i

golden-update: test-build  ## Rewrite the golden cases' expectations; read `git diff` afterwards. ONLY=regex picks some
	scripts/golden '$(ONLY)'

clean:
	rm -rf build build-asan build-tsan build-fuzz
