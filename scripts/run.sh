#!/bin/bash
# SPDX-License-Identifier: MIT
# What `make run` does after the build: starts `serapis serve`, evaluates a Node and a Ruby program through its API, keeps serving until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
port=${PORT:-8080}
serapis=$PWD/${BUILD:-build}/src/cmd/serapis

# Containers need root at start; the service itself becomes an ordinary user right after that.
if [ "$(id -u)" = 0 ]; then
	sudo=()
	user=$(getent passwd serapis >/dev/null && echo serapis || echo nobody)
	state=/var/lib/serapis
else
	sudo=(sudo)
	user=$(id -un)
	state=${XDG_STATE_HOME:-$HOME/.local/state}/serapis
	mkdir -p -m 700 "$state"
	if ! sudo -n true 2>/dev/null; then
		if [ -t 0 ] && command -v sudo >/dev/null; then echo "The container helper is started as root; sudo may ask for your password."
		else
			echo "Containers need root at start and sudo is not available here without a password. Run:"
			echo "  sudo $serapis serve --user $user --store sqlite:$state/serapis.db --http-listen 127.0.0.1:$port"
			exit 1
		fi
	fi
fi
run=$(mktemp -d)
log=$run/serve.log
"${sudo[@]}" "$serapis" serve --user "$user" --store "sqlite:$state/serapis.db" --http-listen "127.0.0.1:$port" 2>"$log" &
pid=$!
stop() {
	trap - INT TERM EXIT
	kill -INT $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	rm -rf "$run"
}
trap stop EXIT
trap 'exit 0' INT TERM

url=http://127.0.0.1:$port
for _ in $(seq 300); do
	kill -0 $pid 2>/dev/null || { cat "$log"; echo "serapis serve did not start."; exit 1; }
	curl -sf -o /dev/null "$url/readyz" && break
	sleep 0.1
done
if ! answer=$(curl -sS -f "$url/readyz" 2>&1); then
	cat "$log"
	echo "The service is not ready: $answer"
	exit 1
fi

try() {
	printf "\n$ curl --json '%s' %s/v1/eval/%s\n" "$2" "$url" "$1"
	curl -sS --json "$2" "$url/v1/eval/$1"
}
if [ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/v1/languages")" = 401 ]; then
	echo "Serapis serves on $url. It has users, so requests need a key:"
	printf "curl -H \"Authorization: Bearer \$KEY\" --json '{\"code\":\"puts [3,1,2].sort.inspect\"}' %s/v1/eval/ruby\n" "$url"
	printf 'No key any more? %sserapis user list and key add, with --store sqlite:%s/serapis.db, make one. Ctrl-C ends the service.\n' "${sudo:+sudo }" "$state"
	wait $pid
	exit
fi
echo "Serapis serves on $url (a page for the browser, the API under /v1). Log: $log"
try node '{"code":"console.log(`hello from node, ${1 + 1}`)"}'
try ruby '{"code":"puts STDIN.map(&:to_i).sum","stdin":["1","2","3"]}'
printf '\nUntil there is an administrator only this machine may ask, without keys. To make one:\n'
printf '%s%s user add --admin me@example.org --store sqlite:%s/serapis.db\n' "${sudo:+sudo }" "${serapis#"$PWD/"}" "$state"
printf '\nIt keeps serving; Ctrl-C ends it. Try it from another terminal:\n'
printf "curl --json '{\"code\":\"puts [3,1,2].sort.inspect\"}' %s/v1/eval/ruby\n" "$url"
wait $pid
