<?php
declare(strict_types=1);
function half(int $n): float { return $n / 2; }
echo half(5), "\n";
echo half("5");
