#!/bin/sh
# SPDX-License-Identifier: MIT
# Spike: builds the glue and puts it where the root "host" shows it. usage: build.sh TREE BUILD; remove /usr/local/lib/serapis-spike afterwards
set -e
tree=$1 build=$2 here=$(dirname "$0") to=/usr/local/lib/serapis-spike
mkdir -p $to
common="-std=gnu17 -D_GNU_SOURCE -O2 -g -fPIC -shared -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -I$tree/src -I$build/src/box/gen"
core="$here/zygote.c $tree/src/box/wire.c $tree/src/box/files.c $tree/src/box/die.c $tree/src/base/clock.c"
gcc $common $(/usr/bin/python3-config --includes) -o $to/zy_python.so $here/zy_python.c $core
[ ! -f $here/zy_ruby.c ] || gcc $common $(pkg-config --cflags ruby-3.1) -o $to/zy_ruby.so $here/zy_ruby.c $core -lruby-3.1
[ ! -f $here/zy_node.cc ] || {
	gcc $common -o $to/zy_node.so $core
	g++ -std=c++17 -O2 -g -fPIC -shared -fno-rtti -I$here -I/usr/include/node -o $to/zy_node.node $here/zy_node.cc
	cp $here/z.js $to/
}
gcc -std=gnu17 -D_GNU_SOURCE -O2 -g -I$tree/src -I$tree/tests/box -o ${DRIVE:-$to/drive} $here/drive.c $tree/tests/box/boxclient.c $tree/src/box/wire.c
