/* SPDX-License-Identifier: MIT */
/*
 * wins: the reader: escape sequences for an operator's terminal, bytes that end JSON or a log line, invalid UTF-8, NUL
 * rule: service-rules (output is data: encoded, never interpreted, never logged)
 * expect: ok
 * says: ^END$
 * control: none: the bytes are the attack
 * core: yes
 */
#include "attack.h"

int main(void)
{
	static const char all[] = "\033[2J\033]52;c;c2VjcmV0\007\033[?1049h\x9b"
	                          "31m\r\n\"}],\"verdict\":\"forged\"}\n\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\0\xe2\x80\xa8\n"
	                          "{\"level\":\"error\",\"msg\":\"forged\"}\n";
	(void)!write(1, all, sizeof all - 1);
	(void)!write(2, all, sizeof all - 1);
	return end();
}
