<?php
$t = "ünï→😀";
echo strlen($t), " ", mb_strlen($t), " ", mb_strtoupper($t), " ", json_encode(["t" => $t, "n" => [1, 2.5, null]], JSON_UNESCAPED_UNICODE | JSON_PRETTY_PRINT), "\n";
var_dump(json_decode('{"a": [1, {"b": null}]}', true));
