// SPDX-License-Identifier: MIT
// Spike: what the node zygote does before it serves, and what a run does before its program.
'use strict';
const zy = require('./zy_node.node');
zy.single();
const Module = require('module'), fs = require('fs'), v8 = require('v8'), vm = require('vm'), net = require('net');
for (const m of ['tty', 'stream', 'util', 'events', 'assert', 'buffer', 'child_process', 'zlib', 'readline', 'os', 'url', 'worker_threads', 'perf_hooks',
	'async_hooks', 'string_decoder', 'timers', 'dns', 'crypto', 'http', 'https', 'stream/promises', 'fs/promises', 'timers/promises']) require(m);

// What a program does first, without the objects that would be its own: console.log on a pipe, a module, a promise, a timer's machinery.
function rehearse() {
	const { PassThrough } = require('stream');
	const c = new console.Console(new PassThrough(), new PassThrough());
	for (let i = 0; i < 5; i++) { c.log('x %d', 1, { a: [1, 'b'] }, null); c.error(new Error('e').message); }
	fs.writeFileSync('/tmp/w.js', 'const p = require("path"); p.join("a", "b"); module.exports = [1, 2].map(x => x * 2);');
	for (let i = 0; i < 3; i++) { Module._load('/tmp/w.js', null, false); delete Module._cache['/tmp/w.js']; }
	fs.unlinkSync('/tmp/w.js');
}
rehearse();

// The program's stack ends as it does without us, in node's own file.
const main = vm.compileFunction('Module.runMain(file)', ['Module', 'file'], { filename: 'node:internal/main/run_main_module', lineOffset: 27, columnOffset: 41 });

function setup(args) {
	process.chdir('.'); // the cached directory is the zygote's
	const file = require('path').resolve(args[0]);
	process.argv = [process.execPath, file, ...args.slice(1)];
	process.execArgv = [];
	const fixed = (name, value) => Object.defineProperty(process, name, { value, enumerable: true, writable: false, configurable: true });
	fixed('pid', +fs.readlinkSync('/proc/self'));
	for (const k of Object.keys(Module._cache)) delete Module._cache[k];
	for (const k of Object.keys(Module._pathCache)) delete Module._pathCache[k];
	process.mainModule = undefined;
	return file;
}

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');
gc(); gc();
v8.setFlagsFromString('--no-expose-gc');
for (let i = 0; i < 3; i++) setup(['w.js', 'a']); // or it would be compiled in each run
zy.start(setup, main, Module);
