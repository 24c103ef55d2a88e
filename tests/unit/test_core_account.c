/* SPDX-License-Identifier: MIT */
/* Keys and emails. */
#include "core/account.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY "srp_0123456789abcdef_" SECRET

static void hash_is_blake2b(void **state)
{
	/* RFC 7693 gives BLAKE2b-512 only; this is `b2sum -l 256` of "abc". */
	static const unsigned char want[32] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57,
	        0x9b, 0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42, 0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19};
	unsigned char got[32];

	sp_blake2b("abc", 3, got);
	assert_memory_equal(got, want, sizeof(want));
}

static void keys_are_made_and_parsed(void **state)
{
	char text[2][SP_KEY_TEXT_LEN], id[2][SP_KEY_ID_LEN], parsed[SP_KEY_ID_LEN];
	unsigned char hash[2][SP_KEY_HASH_BYTES], again[SP_KEY_HASH_BYTES];

	for (int i = 0; i < 2; i++) {
		sp_key_make(text[i], id[i], hash[i]);
		assert_int_equal(strlen(text[i]), SP_KEY_TEXT_LEN - 1);
		assert_memory_equal(text[i], "srp_", 4);
		assert_memory_equal(text[i] + 4, id[i], SP_KEY_ID_LEN - 1);
		assert_int_equal(text[i][20], '_');
		assert_true(sp_key_parse(text[i], strlen(text[i]), parsed, again));
		assert_string_equal(parsed, id[i]);
		assert_true(sp_key_hash_equal(hash[i], again));
	}
	assert_string_not_equal(id[0], id[1]);
	assert_false(sp_key_hash_equal(hash[0], hash[1]));
	again[31] ^= 1;
	assert_false(sp_key_hash_equal(hash[1], again));
}

static void hash_is_that_of_the_secret_s_bytes(void **state)
{
	unsigned char secret[32], want[32], got[32];
	char id[SP_KEY_ID_LEN];

	for (int i = 0; i < 32; i++) secret[i] = (unsigned char)i;
	sp_blake2b(secret, sizeof(secret), want);
	assert_true(sp_key_parse(KEY, strlen(KEY), id, got));
	assert_string_equal(id, "0123456789abcdef");
	assert_memory_equal(got, want, sizeof(want));
	/* The id is no part of it: it is public. */
	assert_true(sp_key_parse("srp_fedcba9876543210_" SECRET, strlen(KEY), id, got));
	assert_memory_equal(got, want, sizeof(want));
}

static void what_is_no_key(void **state)
{
	char id[SP_KEY_ID_LEN] = "untouched", text[SP_KEY_TEXT_LEN];
	unsigned char hash[SP_KEY_HASH_BYTES];

	/* Each length but the right one, and each character but the right ones. */
	for (size_t n = 0; n < SP_KEY_TEXT_LEN - 1; n++) assert_false(sp_key_parse(KEY, n, id, hash));
	assert_false(sp_key_parse(KEY "0", SP_KEY_TEXT_LEN, id, hash));
	for (size_t i = 0; i < SP_KEY_TEXT_LEN - 1; i++)
		for (int c = 0; c < 256; c++) {
			bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'), fine = i < 4 || i == 20 ? c == KEY[i] : digit;
			memcpy(text, KEY, sizeof(text));
			text[i] = (char)c;
			if (sp_key_parse(text, sizeof(text) - 1, id, hash) != fine) fail_msg("byte %d at %zu", c, i);
			if (!fine) assert_true(id[0] == 'u' || strlen(id) == 16);
		}
}

static void write_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
}

static void key_files(void **state)
{
	static const char *const good[] = {KEY, KEY "\n", KEY "\r\n", KEY "\nmore\n"}, *const bad[] = {"", "\n" KEY, " " KEY, KEY " ",
	                                                                                       KEY "x", "secret"};
	char dir[] = "/tmp/serapis-account-XXXXXX", path[64], id[SP_KEY_ID_LEN];
	unsigned char hash[SP_KEY_HASH_BYTES];
	struct sp_err err;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(sp_key_read_file(path, id, hash, &err), -1);
	assert_int_equal(err.code, SP_E_IO);
	for (size_t i = 0; i < SP_COUNT(good); i++) {
		write_file(path, good[i], strlen(good[i]));
		if (sp_key_read_file(path, id, hash, &err) != 0) fail_msg("%zu: %s", i, err.msg);
		assert_string_equal(id, "0123456789abcdef");
	}
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		write_file(path, bad[i], strlen(bad[i]));
		assert_int_equal(sp_key_read_file(path, id, hash, &err), -1);
		assert_int_equal(err.code, SP_E_INVALID);
		assert_non_null(strstr(err.msg, "its first line is no key (srp_, 16 hexadecimal digits, _, 64 hexadecimal digits)"));
		assert_null(strstr(err.msg, "secret"));
	}
	static char big[100000];
	memset(big, '0', sizeof(big));
	write_file(path, big, sizeof(big));
	assert_int_equal(sp_key_read_file(path, id, hash, &err), -1);
	unlink(path);
	assert_int_equal(sp_key_read_file(dir, id, hash, &err), -1);
	assert_int_equal(err.code, SP_E_IO);
	rmdir(dir);
}

static void emails(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {{"a@b", "a@b"}, {"Ana.Maria+x@Example.ORG", "ana.maria+x@example.org"},
	        {"J\xc3\x96RG@b\xc3\xbc.de", "j\xc3\x96rg@b\xc3\xbc.de"}, {"\"odd'<>\"@localhost", "\"odd'<>\"@localhost"}};
	static const struct {
		const char *in, *why;
	} bad[] = {{"", "is empty"}, {"@", "one @"}, {"a@", "one @"}, {"@b", "one @"}, {"ab", "one @"}, {"a@b@c", "one @"},
	        {"a b@c", "a blank"}, {"a@b\n", "a control character"}, {"a\x7f@b", "a control character"},
	        {"a\xc2\x85@b", "a control character"}, {"a\xc2\xa0@b", "a blank"}, {"a\xff@b", "not UTF-8"}, {"a\xc2", "not UTF-8"}};
	char out[SP_EMAIL_LEN], long_one[SP_EMAIL_LEN + 1];
	struct sp_err err;

	for (size_t i = 0; i < SP_COUNT(good); i++) {
		if (sp_email_normalise(good[i].in, strlen(good[i].in), out, &err) != 0) fail_msg("%s: %s", good[i].in, err.msg);
		assert_string_equal(out, good[i].out);
	}
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		assert_int_equal(sp_email_normalise(bad[i].in, strlen(bad[i].in), out, &err), -1);
		assert_int_equal(err.code, SP_E_INVALID);
		if (!strstr(err.msg, bad[i].why)) fail_msg("%s: %s", bad[i].in, err.msg);
	}
	assert_int_equal(sp_email_normalise("a\0@b", 4, out, &err), -1);
	memset(long_one, 'a', sizeof(long_one));
	long_one[1] = '@';
	assert_int_equal(sp_email_normalise(long_one, 254, out, &err), 0);
	assert_int_equal(strlen(out), 254);
	assert_int_equal(sp_email_normalise(long_one, 255, out, &err), -1);
	assert_non_null(strstr(err.msg, "has 255 bytes (at most 254)"));
}

static void wiping(void **state)
{
	char secret[] = "secret";

	sp_secret_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++) assert_int_equal(secret[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(hash_is_blake2b),
	        cmocka_unit_test(keys_are_made_and_parsed),
	        cmocka_unit_test(hash_is_that_of_the_secret_s_bytes),
	        cmocka_unit_test(what_is_no_key),
	        cmocka_unit_test(key_files),
	        cmocka_unit_test(emails),
	        cmocka_unit_test(wiping),
	};
	return cmocka_run_group_tests_name("core_account", tests, NULL, NULL);
}
