import fs from "node:fs";
import { nothing } from "node:path";
console.log(fs, nothing);
