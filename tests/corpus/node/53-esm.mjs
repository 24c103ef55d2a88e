import { readFileSync } from "node:fs";
import path, { basename } from "node:path";
import answer, { twice } from "./lib/answer.mjs";
import cjs from "./lib/old.cjs";

console.log(answer, twice(answer), cjs.kind, basename(import.meta.url), path.extname("a.b"));
console.log(typeof require, typeof __filename, this, readFileSync(new URL("./lib/answer.mjs", import.meta.url)).length);
const value = await new Promise((resolve) => setTimeout(resolve, 5, "awaited at the top"));
console.log(value);
