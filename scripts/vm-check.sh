#!/bin/bash
# SPDX-License-Identifier: MIT
# The box on cgroup v2 with systemd, whatever this machine has: a Debian in an emulated virtual machine (no KVM needed, 20 to 30 times slower) runs the box's
# tests, `serapis doctor` and programs, from a unit with Delegate=yes, and the installed unit itself. Fails unless all of it passed. With --record, docs/vm-check.md is written anew.
# usage: scripts/vm-check.sh BUILD-DIRECTORY [--record]        (as root: the file system needs owners)
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
vm=$PWD/build-vm
root=$vm/rootfs
mkdir -p "$vm"

# What the guest needs: a kernel, systemd, the languages, and the libraries that the programs are linked with.
packages=linux-image-cloud-amd64,initramfs-tools,systemd-sysv,udev,dbus,procps,iproute2,kmod,ruby,nodejs,python3,gcc,libc6-dev,libjansson4,libyaml-0-2
packages+=,libmicrohttpd12,libsqlite3-0,libcurl4,libseccomp2,libcmocka0,libsodium23,ca-certificates,uidmap,curl,python3-pytest,python3-requests,python3-jsonschema
if [ "$(cat "$vm/packages" 2>/dev/null)" != "$packages" ]; then
	echo "vm-check: building a Debian below build-vm/ (once)"
	rm -rf "$root" "$vm/packages"
	mmdebstrap --quiet --variant=minbase --mode=root --aptopt='Acquire::Languages "none"' --include=$packages bookworm "$root"
	echo $packages >"$vm/packages"
fi

rm -rf "$root/opt/serapis" "$root/usr/local"
mkdir -p "$root/opt/serapis/tests" "$root/usr/local"
DESTDIR=$root meson install -C "$build" --no-rebuild --quiet
cp "$build"/tests/box/test_box_{run,limits,isolation,protocol,life} "$build"/tests/box/test_collect{,or} "$build/tests/attack/test_leavings" "$build/tests/box/box_probe" "$root/opt/serapis/tests/"
rm -rf "$root/etc/serapis" "$root/var/lib/serapis"
cp scripts/vm-guest.sh scripts/vm-unit.sh "$root/opt/serapis/"
# The attack corpus finds the programs where a build tree has them.
tree=$root/opt/serapis/tree
mkdir -p "$tree/tests" "$tree/src/api" "$tree/build/src/cmd" "$tree/build/src/box"
cp src/api/openapi.json "$tree/src/api/"
cp -r tests/attack tests/support tests/conftest.py "$tree/tests/"
cp -r share "$tree/"
ln -s /usr/local/bin/serapis "$tree/build/src/cmd/serapis"
ln -s /usr/local/libexec/serapis/serapis-box "$tree/build/src/box/serapis-box"
mkdir -p "$root/opt/serapis/corpus"
cp -r tests/corpus/c/01-hello.c tests/corpus/node/01-hello.js tests/corpus/ruby/01-hello.rb "$root/opt/serapis/corpus/"

chroot "$root" systemctl --quiet mask serial-getty@ttyS0.service getty@tty1.service apt-daily.timer apt-daily-upgrade.timer
chroot "$root" id tester >/dev/null 2>&1 || chroot "$root" useradd --create-home tester # with a range in /etc/subuid
cat >"$root/etc/systemd/system/serapis-check.service" <<'UNIT'
[Unit]
Description=Serapis: checks
After=basic.target
[Service]
Type=oneshot
Delegate=yes
TimeoutStartSec=infinity
Environment=SERAPIS_TEST_SLOW=10
ExecStart=/bin/bash /opt/serapis/vm-guest.sh
StandardOutput=null
StandardError=null
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl --quiet enable serapis-check.service

disk=$vm/disk.img log=$vm/serial.log
rm -f "$disk" "$log"
truncate -s 2G "$disk"
mke2fs -q -t ext4 -d "$root" "$disk"
echo "vm-check: booting"
timeout "${VM_TIMEOUT:-7200}" qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nographic -no-reboot \
	-kernel "$root"/boot/vmlinuz-* -initrd "$root"/boot/initrd.img-* -append "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 panic=-1" \
	-drive file="$disk",if=virtio,format=raw,cache=unsafe -nic none -serial file:"$log" -monitor none -display none || echo "vm-check: the machine did not end by itself"
rm -f "$disk"
tr -d '\r' <"$log" >"$log.text"

fact() { sed -n "s/^VM-FACT $1: //p" "$log.text"; }
grep -E '^VM-(FACT|OK|FAIL|END)' "$log.text" || true
bad=$(grep -c '^VM-FAIL' "$log.text" || true)
good=$(grep -c '^VM-OK' "$log.text" || true)
if ! grep -q '^VM-END' "$log.text" || [ "$bad" != 0 ] || [ "$good" -lt 10 ]; then
	echo "vm-check: FAILED ($good passed, $bad failed); the log is $log"
	grep -vE '^VM-(FACT|OK|END)' "$log.text" | tail -60
	exit 1
fi
if [ "${2:-}" = --record ]; then
	{
		echo "# The box on cgroup v2"
		echo
		echo "Written by \`make vm-check RECORD=1\`: an emulated machine (qemu, TCG) with Debian's kernel and systemd, started afresh. Everything in it runs from"
		echo "a unit with \`Delegate=yes\`, by the programs of this tree, as root and without it. Being emulated it says nothing about speed."
		echo
		echo "| | |"
		echo "|---|---|"
		for f in version kernel systemd cgroup controllers memory.peak; do echo "| $f | $(fact "$f") |"; done
		echo
		echo "| what ran | result |"
		echo "|---|---|"
		sed -n -E 's/^VM-OK (.*)$/| \1 | ok |/p' "$log.text"
		echo
		echo "\`serapis doctor\` there says:"
		echo
		echo '```'
		sed -n 's/^VM-DOCTOR //p' "$log.text"
		echo '```'
	} >docs/vm-check.md
fi
echo "vm-check: all $good passed"
