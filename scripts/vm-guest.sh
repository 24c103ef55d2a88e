#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the virtual machine of vm-check.sh: runs everything, tells the serial line, switches the machine off.
exec >/dev/ttyS0 2>&1
stty -opost </dev/ttyS0 || true
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
export SERAPIS_BOX=/usr/local/libexec/serapis/serapis-box SERAPIS_BOX_PROBE=/opt/serapis/tests/box_probe CMOCKA_MESSAGE_OUTPUT=TAP
here=/opt/serapis
own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)

ok() { echo "VM-OK $*"; }
fail() { echo "VM-FAIL $*"; }
check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then ok "$name"; else fail "$name"; fi
}
# One line for each test of the program; a program that dies has no plan line or not all of its tests.
suite() { # NAME [AS-WHOM]
	local out=/run/suite.tap rc=0 as=${2:+ as $2}
	local program=$here/tests/test_box_$1
	[ -e "$program" ] || program=$here/tests/test_$1
	timeout 900 "$program" >$out 2>&1 || rc=$?
	sed -n -E "s/^ok [0-9]+ - (.*)/VM-OK box$as: $1: \1/p; s/^not ok [0-9]+ - (.*)/VM-FAIL box$as: $1: \1/p" $out | tr '_' ' '
	[ $rc = 0 ] || { fail "box$as: $1 ended with status $rc"; grep -v '^ok' $out | tail -30; }
}
# The attack corpus, a line for each program. Not the controls: an unprivileged user of an emulated machine without a network has nothing to win.
attacks() { # AS-WHOM [PYTEST-ARGUMENT...]
	local as=$1 out=/run/attacks.out rc=0
	shift
	(cd $here/tree && timeout 5400 python3 -m pytest -v --no-header -p no:cacheprovider tests/attack -k "not without_the_defence" "$@") 2>&1 | tee $out |
		sed -u -n -E "s/^tests.*::test_attack\[[^:]*: (.*)\] PASSED.*/VM-OK attack$as: \1/p; s/^tests.*::test_after_all_of_them.* PASSED.*/VM-OK attack$as: after all of them/p;
			s/^tests.*::(.*) (FAILED|ERROR).*/VM-FAIL attack$as: \1/p"
	rc=${PIPESTATUS[0]}
	[ "$rc" = 0 ] || { fail "attack corpus$as ended with status $rc"; grep -v PASSED $out | tail -200; }
}
eval_is() { # FILE EXPECTED
	local out
	out=$(timeout 300 serapis run --limit wall_ms=30000 --limit cpu_ms=30000 --limit compile_wall_ms=30000 "$1" </dev/null 2>/run/err) &&
		[ "$out" = "$2" ] && return 0
	echo "got: $out"; tail -5 /run/err
	return 1
}

echo
echo "VM-FACT version: $(serapis --version)"
echo "VM-FACT kernel: $(uname -r)"
echo "VM-FACT systemd: $(systemctl --version | head -1)"
echo "VM-FACT cgroup: $(stat -fc %T /sys/fs/cgroup) at ${own#/sys/fs/cgroup}"
echo "VM-FACT controllers: $(cat "$own/cgroup.controllers")"

serapis doctor >/run/doctor 2>&1
check "serapis doctor" test $? = 0
sed 's/^/VM-DOCTOR /' /run/doctor
check "doctor speaks of cgroup v2" grep -q 'cgroups.*v2' /run/doctor

for s in run limits isolation protocol life collect collector leavings; do suite $s; done

# The unit's own group is empty now, its controllers are on, and no box has left anything.
check "the unit's processes are in a leaf" test -z "$(cat "$own/cgroup.procs")" -a -n "$(cat "$own/serapis-self/cgroup.procs")"
check "no cgroup of a box is left" test -z "$(find "$own" -name 'serapis-box-*')"
[ -e "$own/serapis-self/memory.peak" ] && echo "VM-FACT memory.peak: present" || echo "VM-FACT memory.peak: absent"

# Without root: a user with subordinate ids and a delegated cgroup, who has everything; and one with neither, who has one slot and no limits by cgroup.
mkdir "$own/rootless"
chown tester: "$own/rootless" "$own/rootless/cgroup.procs" "$own/rootless/cgroup.threads" "$own/rootless/cgroup.subtree_control"
export SERAPIS_TEST_UID=$(id -u tester) SERAPIS_TEST_ENFORCED=ids,memory,pids,cpu,seccomp,net SERAPIS_TEST_CGROUP=$own/rootless
for s in run limits isolation protocol life collect collector; do suite $s "a user with ids and a cgroup"; done
check "no cgroup of that user's box is left" test -z "$(find "$own/rootless" -name 'serapis-box-*')"
unset SERAPIS_TEST_CGROUP
export SERAPIS_TEST_UID=$(id -u nobody) SERAPIS_TEST_ENFORCED=seccomp,net
for s in run limits isolation collector; do suite $s "nobody"; done
unset SERAPIS_TEST_UID SERAPIS_TEST_ENFORCED

# As a system administrator would start it for a user, and as a user does who is told nothing.
user_run() { # COMMAND...
	"$@" serapis run --json --limit wall_ms=30000 --limit cpu_ms=30000 $here/corpus/01-hello.rb </dev/null >/run/json 2>/run/err
	grep -q '"stdout": "hello world' /run/json || { cat /run/json /run/err; return 1; }
}
check "a user's unit with Delegate=yes" user_run systemd-run --quiet --wait --pipe --uid=tester -p Delegate=yes
check "it enforces everything" test "$(sed -n '/"enforced"/,/]/p' /run/json | grep -c '^    "')" = 6
check "a user without a unit" user_run setpriv --reuid=tester --regid=tester --clear-groups
check "it enforces ids, seccomp and network" test "$(sed -n '/"enforced"/,/]/p' /run/json | tr -d ' \n')" = '"enforced":["ids","seccomp","network"],'
check "serapis run from root's session, which is not delegated" user_run systemd-run --quiet --wait --pipe

check "serapis run node" eval_is $here/corpus/01-hello.js "hello world"
check "serapis run ruby" eval_is $here/corpus/01-hello.rb "hello world"
check "serapis run c" eval_is $here/corpus/01-hello.c "hello world"

# The service: starts a box, becomes an ordinary user, evaluates, goes, and leaves nothing.
serves() {
	local pid answer=
	mkdir -p /run/serapis && chown tester: /run/serapis
	serapis serve --user tester --store sqlite:/run/serapis/db --http-listen 127.0.0.1:8080 2>/run/err &
	pid=$!
	for _ in $(seq 200); do curl -sf -o /dev/null http://127.0.0.1:8080/readyz && break; sleep 0.5; done
	answer=$(curl -sS --json '{"code":"puts STDIN.read.upcase","stdin":"served","limits":{"wall_ms":30000,"cpu_ms":30000}}' http://127.0.0.1:8080/v1/eval/ruby)
	kill -TERM $pid
	wait $pid || { echo "serve ended with $?"; tail -5 /run/err; return 1; }
	case $answer in *SERVED*) ;; *) echo "$answer"; tail -5 /run/err; return 1 ;; esac
}
check "serapis serve" serves
check "no cgroup of its box is left" test -z "$(find "$own" -maxdepth 1 -name 'serapis-box-*')"

. $here/vm-unit.sh

echo VM-END
sync
echo o >/proc/sysrq-trigger
sleep 60
