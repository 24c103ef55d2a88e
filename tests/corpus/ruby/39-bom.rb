puts "after a byte order mark", "﻿".length
