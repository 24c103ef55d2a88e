#!/bin/bash
# SPDX-License-Identifier: MIT
# Formatting, clang-tidy and cppcheck over everything that git tracks. Any finding fails. usage: scripts/lint.sh BUILD_DIR
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
scripts/deps.sh lint
mapfile -t all < <(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]')
mapfile -t units < <(git ls-files 'src/*.c')
echo "clang-format: ${#all[@]} files"
clang-format --dry-run -Werror "${all[@]}"
echo "cppcheck: ${#units[@]} files"
cppcheck --quiet --error-exitcode=1 --std=c11 --library=scripts/cppcheck.cfg --enable=warning,portability --inline-suppr --suppressions-list=.cppcheck \
	-Isrc -I"$build/src" -j "$(nproc)" -D__x86_64__ -D_GNU_SOURCE "${units[@]}"
echo "clang-tidy: ${#units[@]} files"
printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" --extra-arg=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang 2>/dev/null
echo "lint: clean"
