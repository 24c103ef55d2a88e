<?php
echo shell_exec("echo from the shell"), exec("exit 3", $out, $status), $status, "\n";
$p = proc_open(["cat"], [["pipe", "r"], ["pipe", "w"]], $pipes);
fwrite($pipes[0], "through cat\n");
fclose($pipes[0]);
echo stream_get_contents($pipes[1]), proc_close($p), "\n";
