/* SPDX-License-Identifier: MIT */
/* stderr is replaced by a datagram socket: one write(2) is one datagram, so a line that came in two would be seen. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/log.h"
#include "base/text.h"

static int real_stderr = -1, in = -1;

static void capture(int fd)
{
	real_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static int start(void **state)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s) != 0) return -1;
	in = s[0];
	capture(s[1]);
	sp_log_setup(SP_LOG_DEBUG, true);
	return 0;
}

static int stop(void **state)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(in);
	return 0;
}

/* The next line without its newline; NULL when there is none. */
static char *next_line(void)
{
	static char line[8192];
	ssize_t n = recv(in, line, sizeof(line) - 1, MSG_DONTWAIT);

	if (n < 0) return NULL;
	line[n] = '\0';
	assert_true(n > 0 && line[n - 1] == '\n');
	assert_int_equal(strlen(line), n);
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_true(n <= 4096);
	line[n - 1] = '\0';
	return line;
}

static json_t *next_json(void)
{
	char *line = next_line();
	json_error_t je;

	assert_non_null(line);
	json_t *v = json_loads(line, JSON_REJECT_DUPLICATES, &je);
	if (!v) fail_msg("%s: %s", je.text, line);
	return v;
}

static const char *text_of(json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));
	if (!s) fail_msg("no %s", key);
	return s;
}

static void a_line_has_its_head_and_fields_in_order(void **state)
{
	struct sp_err err = {.msg = "open x: No such file"};

	sp_log_info("worker", "claimed", SP_S("evaluation_id", "abc"), SP_I("slot", -3), SP_MS("run_ms", 1234567), SP_S("none", NULL),
	        SP_ERR(&err));
	char *line = next_line();
	assert_non_null(line);
	assert_memory_equal(line, "{\"ts\":\"", 7);
	assert_memory_equal(line + 7 + 23, "Z\",\"level\":", 11);
	assert_string_equal(line + 7 + 25,
	        ",\"level\":\"info\",\"msg\":\"claimed\",\"component\":\"worker\",\"version\":\"" SERAPIS_VERSION
	        "\",\"evaluation_id\":\"abc\",\"slot\":-3,\"run_ms\":1.235,\"none\":null,\"error\":\"open x: No such file\"}");
	assert_null(next_line());

	sp_log_warn("c", "no fields");
	assert_contains(next_line(), "\"version\":\"" SERAPIS_VERSION "\"}");
}

static void levels_are_filtered(void **state)
{
	enum sp_log_level level;
	int evaluated = 0;

	sp_log_setup(SP_LOG_WARN, true);
	assert_false(sp_log_on(SP_LOG_DEBUG));
	assert_false(sp_log_on(SP_LOG_INFO));
	assert_true(sp_log_on(SP_LOG_WARN));
	sp_log_debug("c", "m", SP_I("n", ++evaluated));
	sp_log_info("c", "m", SP_I("n", ++evaluated));
	assert_null(next_line());
	assert_int_equal(evaluated, 0); /* fields of a line that is not written cost nothing */
	sp_log_warn("c", "m", SP_I("n", ++evaluated));
	assert_contains(next_line(), "\"level\":\"warn\"");
	sp_log_error("c", "m", SP_I("n", ++evaluated));
	assert_contains(next_line(), "\"level\":\"error\"");
	assert_int_equal(evaluated, 2);

	assert_true(sp_log_level_parse("debug", &level) && level == SP_LOG_DEBUG);
	assert_true(sp_log_level_parse("info", &level) && level == SP_LOG_INFO);
	assert_true(sp_log_level_parse("warn", &level) && level == SP_LOG_WARN);
	assert_true(sp_log_level_parse("error", &level) && level == SP_LOG_ERROR);
	assert_false(sp_log_level_parse("warning", &level));
	assert_false(sp_log_level_parse("", &level));
	assert_false(sp_log_level_parse("INFO", &level));
}

static void everything_is_escaped(void **state)
{
	char all[256];
	for (int i = 1; i < 128; i++) all[i - 1] = (char)i;
	all[127] = '\0';

	sp_log_info("c\"\\", "m\n\x1b[31m", SP_S("all", all), SP_S("na\"me\n", "x"),
	        SP_S("bad", "a\xff"
	                    "b\xe2\x82"
	                    "c\xe2\x82\xac\xc2\x9b"));
	char *line = next_line();
	assert_non_null(line);
	for (char *p = line; *p; p++) assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
	assert_null(strstr(line, "\xc2\x9b"));
	assert_contains(line, "\\b\\t\\n\\u000b\\f\\r\\u000e");
	json_t *v = json_loads(line, 0, NULL);
	assert_non_null(v);
	assert_string_equal(text_of(v, "component"), "c\"\\");
	assert_string_equal(text_of(v, "msg"), "m\n\x1b[31m");
	assert_string_equal(text_of(v, "all"), all);
	assert_string_equal(text_of(v, "na\"me\n"), "x");
	assert_string_equal(text_of(v, "bad"), "a\xef\xbf\xbd"
	                                       "b\xef\xbf\xbd"
	                                       "c\xe2\x82\xac\xc2\x9b");
	json_decref(v);
}

static void numbers(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} ms[] = {{0, "0.000"}, {499, "0.000"}, {500, "0.001"}, {-499, "0.000"}, {-500, "-0.001"}, {-1500000, "-1.500"},
	        {999999500, "1000.000"}, {INT64_MAX, "9223372036854.776"}, {INT64_MIN, "-9223372036854.776"}};

	for (size_t i = 0; i < SP_COUNT(ms); i++) {
		char want[64];
		sp_log_info("c", "m", SP_MS("t", ms[i].ns));
		snprintf(want, sizeof(want), ",\"t\":%s}", ms[i].text);
		assert_contains(next_line(), want);
	}
	sp_log_info("c", "m", SP_I("a", INT64_MAX), SP_I("b", INT64_MIN));
	assert_contains(next_line(), ",\"a\":9223372036854775807,\"b\":-9223372036854775808}");
}

static void long_values_are_cut_and_the_line_stays_whole(void **state)
{
	char longer[5000];

	/* All lengths around every bound, with characters of one, two (escaped: six) and three bytes. */
	static const char *const units[] = {"x", "\x01", "\xe2\x82\xac", "\""};
	for (size_t u = 0; u < SP_COUNT(units); u++) {
		size_t step = strlen(units[u]);
		for (size_t count = 1; count * step < 1500; count++) {
			for (size_t i = 0; i < count; i++) memcpy(longer + i * step, units[u], step);
			longer[count * step] = '\0';
			sp_log_info("c", longer, SP_S("a", longer), SP_S("b", longer), SP_S("d", longer), SP_I("last", 1));
			json_t *v = next_json();
			const char *a = text_of(v, "a"), *m = text_of(v, "msg");
			assert_string_equal(a, m);
			assert_true(sp_utf8_valid(a, strlen(a)));
			bool was_cut = strcmp(a, longer) != 0;
			assert_int_equal(was_cut, count * (u == 1 ? 6 : u == 3 ? 2 : step) > 1024);
			if (was_cut) assert_string_equal(a + strlen(a) - 3, "\xe2\x80\xa6");
			/* A field is there as a whole or not at all; after one that was left out a short one still finds room. */
			json_t *d = json_object_get(v, "d"), *last = json_object_get(v, "last");
			assert_true(d == NULL || strcmp(json_string_value(d), a) == 0);
			if (was_cut) assert_true(d == NULL && json_integer_value(last) == 1);
			assert_int_equal(json_is_true(json_object_get(v, "truncated")), d == NULL || last == NULL);
			json_decref(v);
		}
	}
}

static void errno_is_kept(void **state)
{
	errno = ENOENT;
	sp_log_error("c", "m");
	assert_int_equal(errno, ENOENT);
	assert_non_null(next_line());
	/* Nobody reads: not an error of ours, and not a reason to hang. */
	int null = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int was = dup(STDERR_FILENO);
	dup2(null, STDERR_FILENO);
	errno = EPERM;
	sp_log_error("c", "m");
	int after = errno;
	dup2(was, STDERR_FILENO);
	close(was);
	close(null);
	assert_int_equal(after, EPERM);
}

#define THREADS 4
#define LINES 500

static void *log_many(void *arg)
{
	for (int i = 0; i < LINES; i++) sp_log_info("t", "line", SP_I("thread", *(int *)arg), SP_I("i", i));
	return NULL;
}

static void threads_write_whole_lines(void **state)
{
	pthread_t t[THREADS];
	int nr[THREADS], next[THREADS] = {0};

	for (int i = 0; i < THREADS; i++) {
		nr[i] = i;
		assert_int_equal(pthread_create(&t[i], NULL, log_many, &nr[i]), 0);
	}
	for (int i = 0; i < THREADS * LINES; i++) {
		char line[8192];
		ssize_t n = recv(in, line, sizeof(line), 0);
		assert_true(n > 0);
		json_t *v = json_loadb(line, (size_t)n, 0, NULL);
		assert_non_null(v);
		json_int_t k = json_integer_value(json_object_get(v, "thread"));
		assert_in_range(k, 0, THREADS - 1);
		assert_int_equal(json_integer_value(json_object_get(v, "i")), next[k]++);
		json_decref(v);
	}
	for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
	assert_null(next_line());
}

static int start_terminal(void **state)
{
	struct termios tio;

	in = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in < 0 || grantpt(in) != 0 || unlockpt(in) != 0) return -1;
	int tty = open(ptsname(in), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0 || tcgetattr(tty, &tio) != 0) return -1;
	cfmakeraw(&tio); /* or "\n" came out as "\r\n" */
	if (tcsetattr(tty, TCSANOW, &tio) != 0) return -1;
	capture(tty);
	sp_log_setup(SP_LOG_DEBUG, false);
	return 0;
}

static void text_on_a_terminal(void **state)
{
	char line[8192];

	sp_log_warn("worker", "claim lost", SP_S("id", "0192-ab"), SP_I("slot", 2), SP_MS("run_ms", 1500000), SP_S("none", NULL),
	        SP_S("empty", ""), SP_S("words", "two words"), SP_S("esc", "\x1b[2J\n"));
	ssize_t n = read(in, line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_int_equal(strspn(line, "0123456789:."), 12);
	assert_string_equal(line + 12, " WARN  worker: claim lost id=0192-ab slot=2 run_ms=1.500 none=null empty=\"\" words=\"two words\" "
	                               "esc=\"\\u001b[2J\\n\"\n");

	sp_log_setup(SP_LOG_INFO, true); /* JSON even here when asked for */
	sp_log_info("c", "m");
	n = read(in, line, sizeof(line) - 1);
	assert_true(n > 0);
	assert_int_equal(line[0], '{');
}

static void json_when_not_a_terminal(void **state)
{
	sp_log_setup(SP_LOG_INFO, false);
	sp_log_info("c", "m");
	json_t *v = next_json();
	assert_string_equal(text_of(v, "msg"), "m");
	json_decref(v);
}

/* A reader that has stopped must not stop who logs; and the log says that it has a hole. */
static void a_reader_that_is_too_slow_costs_lines(void **state)
{
	enum { MANY = 2000 };
	int got = 0;
	json_int_t lost = 0;

	for (int i = 0; i < MANY; i++) sp_log_info("c", "m", SP_I("i", i));
	while (next_line()) got++;
	assert_true(got > 0 && got < MANY);
	sp_log_info("c", "after");
	json_t *j = next_json();
	assert_string_equal(json_string_value(json_object_get(j, "level")), "warn");
	lost = json_integer_value(json_object_get(j, "lines"));
	json_decref(j);
	assert_int_equal(got + lost, MANY);
	j = next_json();
	assert_string_equal(json_string_value(json_object_get(j, "msg")), "after");
	json_decref(j);
	assert_null(next_line());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_line_has_its_head_and_fields_in_order, start, stop),
	        cmocka_unit_test_setup_teardown(levels_are_filtered, start, stop),
	        cmocka_unit_test_setup_teardown(everything_is_escaped, start, stop),
	        cmocka_unit_test_setup_teardown(numbers, start, stop),
	        cmocka_unit_test_setup_teardown(long_values_are_cut_and_the_line_stays_whole, start, stop),
	        cmocka_unit_test_setup_teardown(errno_is_kept, start, stop),
	        cmocka_unit_test_setup_teardown(a_reader_that_is_too_slow_costs_lines, start, stop),
	        cmocka_unit_test_setup_teardown(threads_write_whole_lines, start, stop),
	        cmocka_unit_test_setup_teardown(text_on_a_terminal, start_terminal, stop),
	        cmocka_unit_test_setup_teardown(json_when_not_a_terminal, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
