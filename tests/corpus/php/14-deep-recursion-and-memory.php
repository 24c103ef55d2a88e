<?php
function deep($n) { return $n ? 1 + deep($n - 1) : 0; }
echo deep(20000), "\n", ini_get("memory_limit"), " ", strlen(str_repeat("x", 50000000)), "\n";
