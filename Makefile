# SPDX-License-Identifier: MIT
# A short front for meson and ninja. `make run` and `make check` are all that a newcomer needs.
BUILD ?= build
CC ?= gcc
PORT ?= 8080
JOBS ?= $(shell nproc)
PYTHON ?= /usr/bin/python3
FUZZ_SECONDS ?= 300
SERAPIS = $(BUILD)/src/cmd/serapis

# The box's tests need root; everything else does not care.
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)
# Compilers and interpreters must not see the caller's odd settings; sudo would drop what the tests need.
TEST_ENV = env SERAPIS_LONG=$(SERAPIS_LONG) SERAPIS_BUILD=$(abspath $(BUILD)) SERAPIS_SOURCE=$(CURDIR) PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

.PHONY: all deps build install run check check-fast check-long lint format clean asan tsan clang fuzz bench soak vm-check check-rootless box-rootless
all: build

deps: ## install missing Debian packages, saying what and why
	@scripts/deps.sh build test

build: $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja: meson.build
	@scripts/deps.sh build test
	@CC=$(CC) meson setup $(BUILD) . --buildtype=debugoptimized -Dwerror=true >/dev/null

install: build ## below /usr/local (DESTDIR=... for packages): programs, languages, manual pages, completion, systemd unit
	$(if $(DESTDIR),,$(SUDO)) env DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

run: ## start everything on embedded defaults and show a Node and a Ruby program evaluated
	@scripts/deps.sh build run
	@$(MAKE) --no-print-directory build
	@PORT=$(PORT) BUILD=$(BUILD) scripts/run.sh

check: build ## all tests that a change must pass (≤ 12 minutes on 2 cores)
	@scripts/deps.sh test $(if $(filter 1,$(SERAPIS_LONG)),test-long)
	$(SUDO) $(TEST_ENV) meson test -C $(BUILD) --no-rebuild --print-errorlogs --num-processes $(JOBS) --suite unit --suite contract --suite fuzz
	$(SUDO) $(TEST_ENV) meson test -C $(BUILD) --no-rebuild --print-errorlogs --num-processes 1 --suite box
	$(SUDO) $(TEST_ENV) $(PYTHON) -m pytest -q -p no:cacheprovider tests/api tests/e2e tests/fault tests/attack tests/soak

check-long: lint asan tsan clang ## everything, with sanitizers, both compilers, fuzzing, long fault runs and the box without root
	SERAPIS_LONG=1 $(MAKE) check
	$(MAKE) fuzz
	$(MAKE) check-rootless

# As a user with no range of ids and no cgroup of his own: what then is enforced is asserted, test by test.
check-rootless: box-rootless ## the box and all attacks without root: with one id, and with a range of ids
	$(SUDO) $(TEST_ENV) SERAPIS_LONG=1 SERAPIS_TEST_GROUNDS="one id,two slots of one id,own ids" $(PYTHON) -m pytest -q -p no:cacheprovider tests/attack

box-rootless: build
	$(SUDO) $(TEST_ENV) SERAPIS_TEST_UID=$$(id -u nobody) SERAPIS_TEST_ENFORCED=seccomp,net meson test -C $(BUILD) --no-rebuild --print-errorlogs --num-processes 1 --suite box

N ?= 100000
SEED ?=
soak: build ## N=100000 runs of many kinds, and what is left of them (SEED=… repeats one)
	@scripts/deps.sh test
	$(SUDO) $(TEST_ENV) $(PYTHON) tests/soak/soak.py $(N) $(SEED)

vm-check: build ## the box and the attacks on cgroup v2 under systemd, in an emulated machine (RECORD=1 writes docs/vm-check.md)
	@scripts/deps.sh vm
	@$(SUDO) scripts/vm-check.sh $(BUILD) $(if $(RECORD),--record)

asan:
	@[ -d build-asan ] || meson setup build-asan . -Db_sanitize=address,undefined -Dwerror=true >/dev/null
	ninja -C build-asan -j $(JOBS)
	$(SUDO) $(TEST_ENV) meson test -C build-asan --no-rebuild --print-errorlogs --num-processes $(JOBS) --suite unit --suite contract --suite fuzz -t 5

tsan:
	@[ -d build-tsan ] || meson setup build-tsan . -Db_sanitize=thread -Dwerror=true >/dev/null
	ninja -C build-tsan -j $(JOBS)
	$(SUDO) $(TEST_ENV) meson test -C build-tsan --no-rebuild --print-errorlogs --num-processes $(JOBS) --suite unit --suite contract --suite fuzz -t 5

clang:
	@[ -d build-clang ] || CC=clang meson setup build-clang . -Dwerror=true >/dev/null
	ninja -C build-clang -j $(JOBS)

fuzz: ## every fuzz target for FUZZ_SECONDS (300), one after the other; TARGET="json yaml": only these
	@scripts/deps.sh build fuzz
	@[ -d build-fuzz ] || CC=clang meson setup build-fuzz . --buildtype=debugoptimized -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=true >/dev/null
	ninja -C build-fuzz -j $(JOBS) fuzz
	@scripts/fuzz.sh build-fuzz $(FUZZ_SECONDS) $(TARGET)

bench: build ## figures for docs/benchmarks.md; on an otherwise idle machine
	@scripts/deps.sh bench
	@ninja --quiet -C $(BUILD) bench/store_bench bench/box_bench bench/api_bench
	$(SUDO) env -i PATH=/usr/bin:/bin SERAPIS_BOX=$(abspath $(BUILD))/src/box/serapis-box $(abspath $(BUILD))/bench/box_bench
	$(BUILD)/bench/store_bench
	$(SUDO) $(BUILD)/bench/api_bench $(abspath $(SERAPIS))

lint: build ## formatting, clang-tidy, cppcheck
	@scripts/lint.sh $(BUILD)

format:
	@git ls-files -z 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' | xargs -0 clang-format -i

clean:
	rm -rf build build-asan build-tsan build-clang build-fuzz build-vm
