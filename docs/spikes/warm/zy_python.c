/* SPDX-License-Identifier: MIT */
/* Spike: Python. The installed interpreter with our main(): boots, warms up, and runs the file in the run as pymain_run_file() would. */
#include <Python.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern void _PyModule_Clear(PyObject *); /* exported */

#include "main.h"
#include "zygote.h"

static const char warm_up[] = "import sys, os, io, json, re, collections, functools, itertools, math, random, datetime, string, traceback, "
                              "threading, subprocess\n"
                              "import gc\n"
                              "exec(compile('x = [1, 2]; print(*x, file=io.StringIO()); json.dumps({1: 2}); "
                              "re.compile(\"a+b\").match(\"aab\")', 'warm', 'exec'), {'io': io, 'json': json, 're': re})\n"
                              "linecache = sys.modules.get('linecache')\n"
                              "linecache and linecache.clearcache(); re.purge()\n";

/*
 * The end of a program as Py_RunMain() and Py_FinalizeEx() make it, for as much as it can notice, without taking the interpreter apart: that would touch,
 * and so copy, every page that the zygote has filled (2 of 6 ms for the modules, 2 for the rest).
 */
static PyObject *loaded; /* names of the modules that were there before the program */

static int exit_code(bool *interrupted)
{
	if (!PyErr_ExceptionMatches(PyExc_SystemExit)) {
		*interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
		PyErr_Print();
		return 1;
	}
	PyObject *t, *v, *tb, *code;
	PyErr_Fetch(&t, &v, &tb);
	PyErr_NormalizeException(&t, &v, &tb);
	code = PyObject_GetAttrString(v, "code");
	int rc = 1;
	if (!code || code == Py_None)
		rc = 0;
	else if (PyLong_Check(code))
		rc = (int)PyLong_AsLong(code);
	else {
		PyObject *err = PySys_GetObject("stderr");
		if (err && err != Py_None) PyFile_WriteObject(code, err, Py_PRINT_RAW);
		PySys_WriteStderr("\n");
	}
	PyErr_Clear();
	Py_XDECREF(code);
	Py_XDECREF(t);
	Py_XDECREF(v);
	Py_XDECREF(tb);
	return rc;
}

static bool flush(const char *name)
{
	PyObject *f = PySys_GetObject(name), *r = NULL;
	if (!f || f == Py_None) return true;
	PyObject *closed = PyObject_GetAttrString(f, "closed");
	if (closed && PyObject_IsTrue(closed)) return true;
	PyErr_Clear();
	r = PyObject_CallMethod(f, "flush", NULL);
	if (!r && strcmp(name, "stdout") == 0) PyErr_WriteUnraisable(f);
	PyErr_Clear();
	return r || strcmp(name, "stdout") != 0;
}

static int end(int code)
{
	PyObject *m = PyDict_GetItemString(PyImport_GetModuleDict(), "threading"), *r;
	if (m && !(r = PyObject_CallMethod(m, "_shutdown", NULL))) PyErr_WriteUnraisable(m);
	m = PyImport_ImportModule("atexit");
	if (!PyObject_CallMethod(m, "_run_exitfuncs", NULL)) PyErr_Clear(); /* it has printed what it raises */
	bool fine = flush("stdout");
	flush("stderr");
	PyObject *modules = PyImport_GetModuleDict(), *own = PyList_New(0), *k, *v;
	for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &k, &v);)
		if (!PySequence_Contains(loaded, k) && PyModule_Check(v)) PyList_Append(own, v);
	PyGC_Collect();
	for (Py_ssize_t i = PyList_GET_SIZE(own); i-- > 0;) _PyModule_Clear(PyList_GET_ITEM(own, i));
	PyObject *main = PyDict_GetItemString(modules, "__main__");
	if (main) _PyModule_Clear(main);
	PyGC_Collect();
	fine &= flush("stdout");
	flush("stderr");
	return fine ? code : 120;
}

static pid_t fork_python(void)
{
	PyOS_BeforeFork();
	pid_t p = fork();
	if (p == 0)
		PyOS_AfterFork_Child();
	else
		PyOS_AfterFork_Parent();
	return p;
}

static int our_main(int argc, char **argv, char **envp)
{
	unsetenv("LD_PRELOAD");
	PyPreConfig pre;
	PyConfig c;
	PyPreConfig_InitPythonConfig(&pre);
	Py_PreInitialize(&pre);
	PyConfig_InitPythonConfig(&c);
	PyConfig_SetString(&c, &c.program_name, L"python3");
	c.parse_argv = 0;
	PyStatus st = Py_InitializeFromConfig(&c);
	if (PyStatus_Exception(st)) Py_ExitStatusException(st);
	if (PyRun_SimpleString(warm_up) < 0) _exit(1);
	/* The main module as it was; what the warm-up imported stays in sys.modules only. */
	PyRun_SimpleString("for k in [k for k in globals() if not k.startswith('__')]: del globals()[k]\ndel k\n");
	loaded = PySequence_List(PyImport_GetModuleDict());
	PyRun_SimpleString("import gc\ngc.collect()\ngc.freeze()\ndel gc\n");
	zy_sub(false, fork_python);
	zy_serve(fork_python);

	/* ---- the run */
	tzset();
	/* os.environ is a copy of the environment at boot */
	PyObject *os = PyImport_ImportModule("os"), *env = PyObject_GetAttrString(os, "environ"),
	         *data = PyObject_GetAttrString(env, "_data");
	PyDict_Clear(data);
	for (char **e = zy_envp; *e; e++) {
		char *eq = strchr(*e, '=');
		PyObject *k = PyBytes_FromStringAndSize(*e, eq - *e), *v = PyBytes_FromString(eq + 1);
		if (!PyDict_GetItem(data, k)) PyDict_SetItem(data, k, v);
	}
	/* A new main module: what was frozen is not finalised at the end, so the program's globals would not be. */
	PyObject *m = PyModule_New("__main__"), *d = PyModule_GetDict(m);
	PyDict_SetItemString(d, "__annotations__", PyDict_New());
	PyDict_SetItemString(d, "__builtins__", PyImport_ImportModule("builtins"));
	PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", m);
	Py_DECREF(m);
	PyObject *list = PyList_New(0), *orig = PyList_New(0);
	for (int i = 0; i < zy_argc; i++) {
		PyObject *w = PyUnicode_DecodeFSDefault(zy_argv[i]);
		if (i) PyList_Append(list, w);
		PyList_Append(orig, w);
	}
	PySys_SetObject("argv", list);
	PySys_SetObject("orig_argv", orig);
	char full[8200], real[8200], cwd[4096];
	snprintf(full, sizeof full, "%s%s%s", zy_argv[1][0] == '/' ? "" : getcwd(cwd, sizeof cwd), zy_argv[1][0] == '/' ? "" : "/",
	        zy_argv[1]);
	if (!realpath(full, real)) strcpy(real, full);
	*(strrchr(real, '/') == real ? real + 1 : strrchr(real, '/')) = 0;
	PyList_Insert(PySys_GetObject("path"), 0, PyUnicode_DecodeFSDefault(real));
	PyObject *name = PyUnicode_DecodeFSDefault(full), *loader = PyImport_ImportModule("_frozen_importlib_external");
	PyDict_SetItemString(d, "__file__", name);
	PyDict_SetItemString(d, "__cached__", Py_None);
	PyDict_SetItemString(d, "__loader__", PyObject_CallMethod(loader, "SourceFileLoader", "sO", "__main__", name));
	zy_seal();
	FILE *f = fopen(full, "rb");
	int code = 2;
	bool interrupted = false;
	if (!f) {
		fprintf(stderr, "%s: can't open file '%s': [Errno %d] %s\n", zy_argv[0], full, errno, strerror(errno));
	} else {
		PyCompilerFlags flags = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
		PyObject *r = PyRun_FileExFlags(f, full, Py_file_input, d, d, 1, &flags);
		code = r ? 0 : exit_code(&interrupted);
		Py_XDECREF(r);
	}
	code = end(code);
	if (interrupted) {
		signal(SIGINT, SIG_DFL);
		kill(getpid(), SIGINT);
	}
	fflush(NULL);
	_exit(code);
}
