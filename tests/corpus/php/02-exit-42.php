<?php
register_shutdown_function(function () { echo "at the end\n"; });
echo "before\n";
exit(42);
