#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing, by name, saying what each is for. Groups: build, run, test, test-long, bench, fuzz, lint, vm.
# usage: scripts/deps.sh GROUP...
set -euo pipefail

# group | package | a command or file that shows it is there ("" = ask dpkg) | what for
list='
build|python3|/usr/bin/python3|embeds the page into the program
build|gcc|/usr/bin/gcc|compiler; also runs C programs
build|libc6-dev||headers of the C library
build|meson|/usr/bin/meson|build
build|ninja-build|/usr/bin/ninja|build
build|pkg-config|/usr/bin/pkg-config|finds the libraries
build|libjansson-dev||JSON
build|libyaml-dev||language definitions and configuration
build|libmicrohttpd-dev||HTTP server
build|libsqlite3-dev||embedded store
build|libsodium-dev||hashes of API keys
build|libcurl4-openssl-dev||HTTP client of "serapis eval"
build|libseccomp-dev||compiles the system-call filter at build time
build|libcmocka-dev||unit tests
run|curl|/usr/bin/curl|shows the first requests
run|ca-certificates||certificates that programs see
run|ruby|/usr/bin/ruby|runs Ruby programs
run|nodejs|/usr/bin/node|runs Node programs
test|systemd|/usr/bin/systemd-analyze|checks the unit
test|make|/usr/bin/make|runs the checks
test|git|/usr/bin/git|lists the sources that are checked
test|python3|/usr/bin/python3|tests against the running service
test|python3-pytest||tests against the running service
test|python3-requests||tests against the running service
test|python3-jsonschema||holds answers against the description of the API
test|python3-yaml||tests that read definitions and alerts
test|ruby|/usr/bin/ruby|programs of the corpus
test|nodejs|/usr/bin/node|programs of the corpus
test|bash|/usr/bin/bash|programs of the corpus
test|perl|/usr/bin/perl|programs of the corpus
test|php-cli|/usr/bin/php|programs of the corpus
test|php-mbstring||programs of the corpus
test|lua5.4|/usr/bin/lua5.4|programs of the corpus
test|mandoc|/usr/bin/mandoc|checks the manual pages
test|curl|/usr/bin/curl|examples of the README
test|sqlite3|/usr/bin/sqlite3|backups of the store
test|procps|/usr/bin/ps|tests look for left-over processes
test|iproute2|/usr/sbin/ip|tests look at namespaces
test|uidmap|/usr/bin/newuidmap|attacks on a box without root that has ids for its slots
bench|bubblewrap|/usr/bin/bwrap|the baseline of cold starts
fuzz|clang|/usr/bin/clang|compiler of the fuzz targets
fuzz|libclang-rt-dev||libFuzzer and the sanitizers
fuzz|llvm|/usr/bin/llvm-symbolizer|names in the reports of the sanitizers
test-long|default-jdk-headless|/usr/bin/javac|programs of the corpus (300 MB)
test-long|golang-go|/usr/bin/go|programs of the corpus (400 MB)
vm|mmdebstrap|/usr/bin/mmdebstrap|builds the Debian of the virtual machine
vm|qemu-system-x86|/usr/bin/qemu-system-x86_64|emulates the machine
vm|e2fsprogs|/sbin/mke2fs|makes its disk
lint|clang|/usr/bin/clang|second compiler
lint|clang-format|/usr/bin/clang-format|formatting
lint|clang-tidy|/usr/bin/clang-tidy|static analysis
lint|cppcheck|/usr/bin/cppcheck|static analysis
lint|clang-tools||static analysis
'

missing=() reasons=()
while IFS='|' read -r group package probe why; do
	[ -n "$group" ] || continue
	case " $* " in *" $group "*) ;; *) continue ;; esac
	if [ -n "$probe" ]; then [ -e "$probe" ] && continue
	elif dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then continue
	fi
	case " ${missing[*]-} " in *" $package "*) continue ;; esac
	missing+=("$package") reasons+=("  $package: $why")
done <<<"$list"
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Missing Debian packages:"
printf '%s\n' "${reasons[@]}"
command="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" = 0 ]; then sudo=
elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then sudo=sudo
else
	echo "Installing them needs root. Run this, then start again:"
	echo "  sudo apt-get update && sudo $command"
	exit 1
fi
echo "Installing: ${sudo:+sudo }$command"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive $command; } >"$log" 2>&1; then
	tail -20 "$log"
	exit 1
fi
