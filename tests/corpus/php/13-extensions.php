<?php
echo hash("sha256", "x"), " ", md5("x"), " ", crc32("x"), " ", bin2hex(gzcompress("aaaa")), " ", strlen(random_bytes(8)), "\n";
var_dump(preg_match('/(?<y>\d{4})-(\d\d)/', "on 2024-07-01", $m), $m, ctype_digit("12"), iconv("UTF-8", "ISO-8859-1", "ü") === "\xfc");
echo date("Y-m-d", 0), " ", date_default_timezone_get(), " ", (new DateTime("2024-01-31", new DateTimeZone("Europe/Berlin")))->modify("+1 month")->format("c"), "\n";
