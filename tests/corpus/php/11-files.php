<?php
require_once __DIR__ . "/lib/sum.php";
echo sum(1, 2, 3), " ", __FILE__, " ", getcwd(), "\n";
file_put_contents("out.txt", "one\ntwo\n");
print_r(file("out.txt", FILE_IGNORE_NEW_LINES));
$t = tempnam(sys_get_temp_dir(), "corpus");
echo dirname($t), "\n";
unlink($t);
include "missing.php";
require "missing.php";
