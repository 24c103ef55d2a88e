text before
<?php
echo "hello world\n", PHP_SAPI, " $argc\n";
print_r($argv);
?>
text after
