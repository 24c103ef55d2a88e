<?php
$sum = 0;
while (($line = fgets(STDIN)) !== false) {
	var_dump(trim($line));
	$sum += (int)$line;
}
echo $sum, "\n";
fwrite(STDERR, "to stderr\n");
var_dump(feof(STDIN), file_get_contents("php://stdin"));
