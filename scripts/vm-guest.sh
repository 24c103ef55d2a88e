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
suite() { # NAME
	local out=/run/suite.tap rc=0
	timeout 900 "$here/tests/test_box_$1" >$out 2>&1 || rc=$?
	sed -n -E "s/^ok [0-9]+ - (.*)/VM-OK box: $1: \1/p; s/^not ok [0-9]+ - (.*)/VM-FAIL box: $1: \1/p" $out | tr '_' ' '
	[ $rc = 0 ] || { fail "box: $1 ended with status $rc"; grep -v '^ok' $out | tail -30; }
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

for s in run limits isolation protocol life; do suite $s; done

# The unit's own group is empty now, its controllers are on, and no box has left anything.
check "the unit's processes are in a leaf" test -z "$(cat "$own/cgroup.procs")" -a -n "$(cat "$own/serapis-self/cgroup.procs")"
check "no cgroup of a box is left" test -z "$(find "$own" -name 'serapis-box-*')"
[ -e "$own/serapis-self/memory.peak" ] && echo "VM-FACT memory.peak: present" || echo "VM-FACT memory.peak: absent"

check "serapis run node" eval_is $here/corpus/01-hello.js "hello world"
check "serapis run ruby" eval_is $here/corpus/01-hello.rb "hello world"
check "serapis run c" eval_is $here/corpus/01-hello.c "hello world"

echo VM-END
sync
echo o >/proc/sysrq-trigger
sleep 60
