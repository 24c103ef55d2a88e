#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the virtual machine, from vm-guest.sh: the installed unit as an administrator uses it. Says VM-OK and VM-FAIL lines by the functions of its caller.
unit=serapis.service
url=http://127.0.0.1:8080
limits='"limits":{"wall_ms":30000,"cpu_ms":30000,"compile_wall_ms":60000}'

post() { curl -sS --max-time 120 --json "$2" "$url/v1/eval/$1"; }
says() { # LANGUAGE BODY EXPECTED
	local answer
	answer=$(post "$1" "$2")
	case $answer in *"$3"*) return 0 ;; esac
	echo "got: $answer"
	journalctl -u $unit -n 5 --no-pager -o cat
	return 1
}
until_ready() {
	for _ in $(seq 300); do curl -sf -o /dev/null $url/readyz && return 0; sleep 0.5; done
	journalctl -u $unit -n 20 --no-pager -o cat
	return 1
}

systemd-sysusers
systemd-tmpfiles --create serapis.conf
systemctl daemon-reload
check "unit: it has a user and a directory of his" test "$(stat -c %U:%a /var/lib/serapis)" = serapis:700
check "unit: starts" systemctl start $unit
# Type=notify: by now it accepts.
check "unit: answers once it has started" curl -sf -o /dev/null $url/healthz
check "unit: becomes ready" until_ready
pid=$(systemctl show -p MainPID --value $unit)
check "unit: the service has no privilege left" test "$(stat -c %U /proc/"$pid")$(sed -n 's/^CapEff:\t//p' /proc/"$pid"/status)" = serapis0000000000000000
check "unit: node" says node "{\"code\":\"console.log('he' + 'llo')\",$limits}" '"output":"hello\n"'
check "unit: ruby" says ruby "{\"code\":\"print STDIN.read.upcase\",\"stdin\":\"served\",$limits}" '"output":"SERVED"'
check "unit: c" says c "{\"code\":\"#include <stdio.h>\\nint main(void) { return puts(\\\"made\\\") < 0; }\",$limits}" '"output":"made\n"'
check "unit: everything is enforced" says ruby "{\"code\":\"puts 1\",$limits}" '"enforced":["ids","memory","pids","cpu","seccomp","network"]'
check "unit: a program that takes too much memory ends, and not the service" says ruby \
	'{"code":"a = []; loop { a << \"x\" * 1000000 }","limits":{"wall_ms":50000,"cpu_ms":50000,"memory_bytes":134217728}}' '"verdict":"memory_limit"'
check "unit: too many processes" says ruby '{"code":"100.times { fork { sleep 5 } }","limits":{"wall_ms":30000,"cpu_ms":30000,"processes":20}}' process_limit
sleep 2
check "unit: it is the same process as before" test "$(systemctl show -p MainPID --value $unit)" = "$pid"
check "unit: containers are below its control group" test -n "$(find "/sys/fs/cgroup/system.slice/$unit" -maxdepth 2 -name 'serapis-box-*')"

mkdir -p /etc/serapis
echo 'request.args_max: 1' >/etc/serapis/serapis.yaml
check "unit: reload" systemctl reload $unit
reloaded() { for _ in $(seq 100); do journalctl -u $unit -o cat --no-pager | grep -q '"read again"' && return 0; sleep 0.2; done; return 1; }
check "unit: reload is taken over" reloaded
check "unit: by the new file" says ruby '{"code":"puts 1","args":["a","b"]}' '"limit":1'

# A box that dies is replaced; a service that dies is started again, and what it had accepted is evaluated.
pkill -KILL -o -x serapis-box
check "unit: goes on after its box has died" until_ready
check "unit: evaluates after that" says ruby "{\"code\":\"puts 'again'\",$limits}" '"output":"again\n"'
id=$(post ruby "{\"code\":\"sleep 3; puts 'kept'\",\"async\":true,$limits}" | sed 's/.*"id":"\([^"]*\)".*/\1/')
kill -KILL "$pid"
sleep 2
check "unit: is started again" until_ready
kept() { curl -sS --max-time 120 "$url/v1/evaluations/$id?wait_ms=50000" | grep -q '"output":"kept\\n"'; }
check "unit: what was accepted is not lost" kept

post ruby "{\"code\":\"sleep 2; puts 'to its end'\",$limits}" >/run/last &
sleep 1
check "unit: stops" systemctl stop $unit
wait
check "unit: what runs comes to its end" grep -q 'to its end' /run/last
check "unit: it ended well" test "$(systemctl show -p Result --value $unit)" = success
check "unit: nothing is left of it" test -z "$(pgrep -x serapis-box)" -a ! -e "/sys/fs/cgroup/system.slice/$unit"
echo "VM-FACT systemd-analyze security: $(systemd-analyze security --no-pager $unit | sed -n 's/.*exposure level for [^:]*: \([0-9.]* [A-Z]*\).*/\1/p')"
