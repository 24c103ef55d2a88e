// The playground: asks the same API that everybody uses. Everything from outside goes into the page as text, never as markup.
"use strict";

const el = (id) => document.getElementById(id);

const samples = {
  c: '#include <stdio.h>\n\nint main(void)\n{\n\tchar name[64] = "world";\n\tscanf("%63s", name);\n\tprintf("hello %s\\n", name);\n\treturn 0;\n}\n',
  node: 'const name = require("fs").readFileSync(0, "utf8").trim() || "world";\nconsole.log(`hello ${name}`);\n',
  ruby: 'name = $stdin.read.to_s.strip\nputs "hello #{name.empty? ? "world" : name}"\n',
  python: 'import sys\n\nname = sys.stdin.read().strip() or "world"\nprint(f"hello {name}")\n',
};

let languages = [];
let shownSample = null;
// Kept for this tab only, and sent to this server only.
let key = sessionStorage.getItem("key") || "";

// One call of the API, with the key if there is one. A server that has users asks for it.
async function call(path, options = {}) {
  const headers = { ...options.headers, ...(key ? { Authorization: "Bearer " + key } : {}) };
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) el("key-row").hidden = false;
  return response;
}

function request() {
  const body = { code: el("code").value };
  if (el("stdin").value !== "") body.stdin = el("stdin").value;
  return body;
}

function shellQuoted(text) {
  return "'" + text.replace(/'/g, "'\\''") + "'";
}

function showCurl() {
  const language = el("language").value || "ruby";
  el("curl").textContent = "curl " + (key ? "-H \"Authorization: Bearer $KEY\" " : "") + "--json " + shellQuoted(JSON.stringify(request())) + " " + location.origin + "/v1/eval/" + language;
}

function showSample() {
  const sample = samples[el("language").value] || "";
  // What somebody has typed is not thrown away.
  if (el("code").value === "" || el("code").value === shownSample) el("code").value = shownSample = sample;
  showCurl();
}

function bytes(n) {
  if (n === null || n === undefined) return "–";
  for (const [size, unit] of [[1073741824, "GiB"], [1048576, "MiB"], [1024, "KiB"]]) {
    if (n >= size) return (n / size).toFixed(n % size ? 1 : 0) + " " + unit;
  }
  return n + " B";
}

function milliseconds(n) {
  if (n === null || n === undefined) return "–";
  return n >= 1000 ? (n / 1000).toFixed(n % 1000 ? 2 : 0) + " s" : Math.round(n * 100) / 100 + " ms";
}

function badge(text, kind) {
  el("verdict").textContent = text;
  el("verdict").className = "badge" + (kind ? " " + kind : "");
}

function showReason(text) {
  el("reason").hidden = !text;
  el("reason").textContent = text || "";
}

function showUsage(rows) {
  el("usage").replaceChildren(...rows.map(([name, value]) => {
    const box = document.createElement("div");
    const term = document.createElement("dt");
    const data = document.createElement("dd");
    term.textContent = name;
    data.textContent = value;
    box.append(term, data);
    return box;
  }));
}

function showEvaluation(e) {
  const words = (e.verdict || e.status).replaceAll("_", " ");
  badge(words, e.verdict === "ok" ? "good" : e.verdict === null ? "wait" : "bad");
  const ended = e.signal ? "ended by " + e.signal : e.exit_code !== null ? "exit code " + e.exit_code : "";
  el("summary").textContent = [e.stage, ended].filter(Boolean).join(" · ");
  showReason(e.reason ? e.reason.message : "");
  const output = e.output === null ? "" : e.output;
  el("output").textContent = output;
  el("output-name").textContent = "Output" + (e.truncated.length ? " (cut at its limit)" : output === "" && e.verdict ? " (none)" : "");
  const u = e.usage || {}, t = e.timing || {};
  showUsage([
    ["CPU time", milliseconds(u.cpu_ms)],
    ["Wall time", milliseconds(u.wall_ms)],
    ["Memory, at most", bytes(u.memory_peak_bytes)],
    ["Waited", milliseconds(t.queue_ms)],
    ["In all", milliseconds(t.total_ms)],
    ["Version", (e.runtime && e.runtime.version) || "–"],
  ]);
}

function showFailure(words, text) {
  badge(words, "bad");
  el("summary").textContent = "";
  el("output").textContent = "";
  el("output-name").textContent = "Output";
  showReason(text);
  showUsage([]);
}

async function answerOf(response) {
  const text = await response.text();
  el("raw").textContent = text;
  const answer = JSON.parse(text);
  el("raw").textContent = JSON.stringify(answer, null, 2);
  return answer;
}

async function run() {
  el("run").disabled = true;
  badge("running", "wait");
  el("summary").textContent = "";
  showReason("");
  try {
    let response = await call("/v1/eval/" + encodeURIComponent(el("language").value), {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request()),
    });
    let answer = await answerOf(response);
    // A wait that was over before the run was: go on asking.
    while (response.ok && answer.finished_at === null) {
      badge(answer.status, "wait");
      response = await call("/v1/evaluations/" + answer.id + "?wait_ms=20000");
      answer = await answerOf(response);
    }
    if (response.ok) showEvaluation(answer);
    else showFailure("refused", [answer.error, ...answer.error.more].map((p) => p.message).join("\n"));
  } catch (problem) {
    showFailure("no answer", "The server could not be reached: " + problem.message);
  }
  el("run").disabled = false;
}

function languageRow(l) {
  const row = document.createElement("tr");
  const most = (what, show) => show(l.limits.defaults[what]) + " / " + show(l.limits.max[what]);
  const names = [l.id, ...l.aliases].join(", ");
  const cells = [l.name, names, l.available ? l.version || "?" : "not available" + (l.reason ? ": " + l.reason : ""), most("memory_bytes", bytes), most("wall_ms", milliseconds)];
  if (!l.available) row.className = "off";
  row.append(...cells.map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  }));
  return row;
}

async function loadLanguages() {
  const response = await call("/v1/languages");
  const answer = await response.json();
  if (!response.ok) {
    badge("needs a key", "bad");
    showReason(key ? "The server does not know this key." : "This server has users: enter your API key above.");
    return false;
  }
  const before = el("language").value;
  languages = answer.items;
  el("languages").replaceChildren(...languages.map(languageRow));
  el("language").replaceChildren(...languages.map((l) => {
    const option = document.createElement("option");
    option.value = l.id;
    option.textContent = l.name + (l.available && l.version ? " " + l.version : "");
    option.disabled = !l.available;
    return option;
  }));
  const first = languages.find((l) => l.id === before && l.available) || languages.find((l) => l.available);
  el("language").value = first ? first.id : "";
  showSample();
  return Boolean(first);
}

async function loadReady() {
  let words = "no answer", ready = false;
  try {
    const response = await fetch("/readyz");
    ready = response.ok;
    words = ready ? "ready" : (await response.json()).error.message;
  } catch (problem) {
    words = "no answer";
  }
  el("ready").textContent = words;
  el("ready").className = "ready " + (ready ? "yes" : "no");
  return ready;
}

async function start() {
  // Right after the start versions are still being found out.
  for (;;) {
    let complete = false;
    try {
      complete = await loadReady() && await loadLanguages();
    } catch (problem) {
      complete = false;
    }
    // Without a key there is nothing to wait for but somebody who types one.
    if (complete || !el("key-row").hidden) break;
    await new Promise((wake) => setTimeout(wake, 1000));
  }
  setInterval(loadReady, 15000);
}

el("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!el("run").disabled) run();
});
el("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    el("form").requestSubmit();
  }
});
el("key").value = key;
el("key-row").hidden = !key;
el("key").addEventListener("change", () => {
  key = el("key").value.trim();
  sessionStorage.setItem("key", key);
  badge("nothing run yet");
  showReason("");
  showCurl();
  loadLanguages();
});
el("language").addEventListener("change", showSample);
el("code").addEventListener("input", showCurl);
el("stdin").addEventListener("input", showCurl);
el("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(el("curl").textContent);
  el("copy").textContent = "Copied";
  setTimeout(() => { el("copy").textContent = "Copy"; }, 1500);
});
start();
