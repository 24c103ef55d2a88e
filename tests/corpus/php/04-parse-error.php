<?php
echo "never printed";
$a = [1, 2;
