<?php
echo $undefined;
echo [1, 2][5] ?? "default", "\n";
echo "3 apples" + 4, "\n";
echo intdiv(1, 0);
