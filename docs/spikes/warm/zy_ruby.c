/* SPDX-License-Identifier: MIT */
/* Spike: Ruby. The installed interpreter with our main(): boots with a warm-up script, and runs the file in the run as its main program. */
#include <locale.h>
#include <ruby.h>
#include <ruby/vm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main.h"
#include "zygote.h"

/* No require: what it defines would be there for programs that have forgotten to ask for it. */
static char warm_up[] = "3.times { [1, :a, 'b', 1.5, nil].inspect; \"%d %s\" % [1, 2] }; 3.times { GC.start }; GC.compact rescue 0";

extern const void *rb_iseqw_to_iseq(VALUE); /* exported by libruby, declared in its internal headers only */

static pid_t made;
static VALUE call_fork(VALUE arg)
{
	VALUE p = rb_funcall(rb_mProcess, rb_intern("fork"), 0);
	made = NIL_P(p) ? 0 : NUM2INT(p);
	return Qnil;
}

/* Process.fork, so that Ruby does before and after it what it always does. */
static pid_t fork_ruby(void)
{
	int state = 0;
	made = -1;
	rb_protect(call_fork, Qnil, &state);
	if (state) rb_set_errinfo(Qnil); /* or it would be the exit status of every later run */
	return state ? -1 : made;
}

static void *program;

/* What ruby_options() does with its script, but for options in its "#!" line. */
static VALUE load_main(VALUE arg)
{
	VALUE path = rb_external_str_new_cstr(zy_argv[1]);
	VALUE text = rb_funcall(rb_cFile, rb_intern("binread"), 1, path);
	const char *p = RSTRING_PTR(text), *end = p + RSTRING_LEN(text);
	int lines = 0;
	for (const char *line = p; line < end;) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((nl ? nl : end) - line);
		if ((n == 7 || (n == 8 && line[7] == '\r')) && memcmp(line, "__END__", 7) == 0) {
			VALUE f = rb_file_open_str(path, "r");
			rb_funcall(f, rb_intern("seek"), 1, LONG2NUM((nl ? nl + 1 : end) - p));
			rb_funcall(f, rb_intern("lineno="), 1, INT2NUM(lines + 1));
			rb_define_global_const("DATA", f);
			break;
		}
		line = nl ? nl + 1 : end;
		lines++;
	}
	VALUE iseq = rb_funcall(rb_path2class("RubyVM::InstructionSequence"), rb_intern("compile_file"), 1, path);
	rb_gc_register_mark_object(iseq);
	program = (void *)(uintptr_t)rb_iseqw_to_iseq(iseq);
	return Qnil;
}

static int our_main(int argc, char **argv, char **envp)
{
	unsetenv("LD_PRELOAD");
	setlocale(LC_CTYPE, ""); /* as main() does */
	char *boot_argv[] = {(char[]){"ruby"}, (char[]){"-e"}, warm_up, NULL};
	int n = 3;
	char **v = boot_argv;
	ruby_sysinit(&n, &v);
	RUBY_INIT_STACK;
	ruby_init();
	void *node = ruby_options(n, v);
	if (ruby_exec_node(node) != 0) _exit(1);
	zy_sub(true, fork_ruby);
	zy_serve(fork_ruby);

	/* ---- the run */
	ruby_set_argv(zy_argc - 2, zy_argv + 2);
	ruby_script(zy_argv[1]);
	rb_eval_string("ENV['TZ'] = ENV['TZ']"); /* the cached time zone is that of the boot */
	zy_seal();
	int state = 0;
	rb_protect(load_main, Qnil, &state);
	if (state && rb_obj_is_kind_of(rb_errinfo(), rb_eSyntaxError)) { /* of the main program: the parser's words alone */
		VALUE text = rb_funcall(rb_errinfo(), rb_intern("message"), 0);
		rb_set_errinfo(Qnil);
		fprintf(stderr, "%s", StringValueCStr(text));
		ruby_cleanup(0);
		return 1;
	}
	return state ? ruby_cleanup(state) : ruby_run_node(program);
}
