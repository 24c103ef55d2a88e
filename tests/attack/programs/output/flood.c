/* SPDX-License-Identifier: MIT */
/*
 * wins: the service's memory and disk: output without end, on both streams, from 16 processes, in one line
 * rule: design 4 (output is cut at its limit, and far beyond it the run is ended)
 * expect: output_limit
 * limits: output_bytes=65536 processes=32
 * control: none: a reader that keeps everything is what is missing bare
 * core: yes
 */
#include "attack.h"

int main(void)
{
	static char block[65536];
	memset(block, 'x', sizeof block);
	for (int i = 0; i < 4; i++) fork();
	for (int k = 0;; k++) (void)!write(1 + k % 2, block, sizeof block);
}
