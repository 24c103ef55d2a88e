<?php
function inner(int $n) { throw new RuntimeException("went wrong: $n", 7); }
try {
	inner(1);
} catch (RuntimeException $e) {
	echo get_class($e), " ", $e->getMessage(), " ", $e->getCode(), " ", $e->getLine(), "\n";
} finally {
	echo "finally\n";
}
inner(2);
