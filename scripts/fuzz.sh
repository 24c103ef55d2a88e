#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the fuzz targets of a build one after the other, each for so many seconds, and fails if one finds something. What it found is kept in
# tests/fuzz/crashes/; tests/fuzz/README.md says what to do with it. usage: scripts/fuzz.sh BUILD_DIR SECONDS [TARGET…]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 seconds=$2
shift 2
dir=tests/fuzz
if [ $# = 0 ]; then
	for source in "$dir"/target_*.c; do
		name=${source##*/target_}
		set -- "$@" "${name%.c}"
	done
fi

mkdir -p "$dir/crashes"
failed=()
for target; do
	corpus=$build/corpus/$target log=$build/fuzz-$target.log
	mkdir -p "$corpus"
	# Of a whole family, or of this one.
	dict=()
	for file in "$dir/dicts/${target%%_*}.dict" "$dir/dicts/$target.dict"; do
		[ ! -f "$file" ] || dict=("-dict=$file")
	done
	echo "fuzz: $target for $seconds s"
	# What the corpus has grown to stays in the build directory, and the next run begins with it.
	if timeout $((seconds + 300)) nice -n 10 "$build/tests/fuzz/fuzz_$target" "${dict[@]}" -max_total_time="$seconds" -max_len=4096 -timeout=20 \
		-rss_limit_mb=2048 -print_final_stats=1 -close_fd_mask=1 -artifact_prefix="$dir/crashes/$target-" "$corpus" "$dir/seeds/$target" >"$log" 2>&1; then
		sed -n 's/^#[0-9]*\tDONE *\(cov: [0-9]* ft: [0-9]*\).*/      \1/p; s/^stat::number_of_executed_units: */      runs: /p' "$log" | paste -sd ' '
	else
		failed+=("$target")
		grep -a -m 8 -E 'does not hold|ERROR|SUMMARY|runtime error|serapis: bug|Test unit written' "$log" || tail -n 20 "$log"
		echo "      all of it: $log"
	fi
done
[ ${#failed[@]} = 0 ] || { echo "fuzz: found something: ${failed[*]}"; exit 1; }
