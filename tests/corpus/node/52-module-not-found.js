require("no-such-module");
