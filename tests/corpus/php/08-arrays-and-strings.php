<?php
$a = ["b" => 2, "a" => 1, 3];
ksort($a);
var_dump($a, array_map(fn($x) => $x * 2, [1, 2]), array_sum(range(1, 10)));
printf("%05.2f|%-6s|%x|%b|%'*10s\n", 3.14159, "ab", 255, 5, "x");
echo str_pad("x", 5, "-", STR_PAD_BOTH), ucwords("two words"), " ", implode(",", str_split("abcdef", 4)), " ", 0.1 + 0.2, " ", 7 <=> 3, " ", PHP_INT_MAX + 1, "\n";
var_dump(0 == "a", "1" == "01", null ?? "x", 10 % 3, -7 % 3, 2 ** 63, "abc" <=> "abd");
