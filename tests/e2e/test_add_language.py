# SPDX-License-Identifier: MIT
"""docs/languages.md, followed to the letter: its definition is put beside the others, its program evaluated, its answer compared. And what happens when something is wrong or missing."""
import json
import re
import shutil
import subprocess

import pytest
import yaml

from support.service import LONG, SERAPIS, SOURCE, Service

PAGE = (SOURCE / "docs" / "languages.md").read_text()
KLINGON = 'id: klingon\nname: Klingon\nsource: main.k\nrun: [tlhIngan, "{entry}"]\nversion: {command: [tlhIngan, --version], pattern: "([0-9]+)"}\n'
SHIPPED = SOURCE / "share" / "languages"


def block(kind):
    found = re.findall(r"```%s\n(.*?)```" % kind, PAGE, re.S)
    assert len(found) == 1, f"docs/languages.md must have one {kind} example, not {len(found)}"
    return found[0]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("languages")
    for f in SHIPPED.iterdir():
        shutil.copy(f, directory)
    (directory / "awk.yaml").write_text(block("yaml"))
    (directory / "klingon.yaml").write_text(KLINGON)
    with Service("--languages-dir", directory) as s:
        yield s


def languages(service):
    return {x["id"]: x for x in service.get("/v1/languages").json()["items"]}


def test_the_page_adds_a_language(service):
    language = languages(service)["awk"]
    assert language["available"] is True and re.fullmatch(r"[0-9.]+", language["version"]), language
    command, shown = re.fullmatch(r"\$ (curl [^\n]*)\n(\{.*\})\n", block("console"), re.S).groups()
    program = block("awk")
    assert "@sum.awk" in command
    command = command.replace('"@sum.awk"', json.dumps(program)).replace("http://127.0.0.1:8080", service.url)
    got = subprocess.run(["bash", "-c", command.replace("curl ", "curl -sS ", 1)], capture_output=True, timeout=60, check=True)
    answer = json.loads(got.stdout)
    assert {k: answer[k] for k in json.loads(shown)} == json.loads(shown)
    # The alias, and the default source name.
    assert service.eval("MAWK", code='BEGIN { print "hi" }').json()["output"] == "hi\n"


def test_every_key_is_on_the_page(service):
    header = (SOURCE / "src" / "core" / "language_load.c").read_text()
    keys = re.search(r"keys\[\] = \{(.*?)\}", header, re.S)[1]
    on_page = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert sorted(re.findall(r'"(\w+)"', keys)) == sorted(on_page)


def test_the_page_names_every_shipped_language():
    line = re.search(r"^Shipped: (.*?)\. ", PAGE, re.M)[1]
    assert re.findall(r"`(\w+)`", line) == sorted(f.stem for f in SHIPPED.iterdir())


def test_every_shipped_definition_is_installed():
    assert sorted(re.findall(r"'(\w+)'", re.search(r"foreach language : \[(.*?)\]", (SOURCE / "src" / "core" / "meson.build").read_text())[1])) == sorted(f.stem for f in SHIPPED.iterdir())


def test_what_is_missing_is_unavailable_and_nothing_else(service):
    missing = languages(service)["klingon"]
    assert missing["available"] is False and "tlhIngan" in missing["reason"]
    answer = service.eval("klingon", code="x")
    assert answer.status_code == 503 and "tlhIngan" in answer.text and "language_unavailable" in answer.text, answer.text
    assert service.eval("c", code="int main(void) { return 0; }").json()["verdict"] == "ok"


def test_doctor_takes_a_missing_language_for_no_fault(tmp_path):
    (tmp_path / "klingon.yaml").write_text(KLINGON)
    doctor = [SERAPIS, "doctor", "--languages-dir", tmp_path]
    got = subprocess.run(doctor, capture_output=True, text=True, timeout=60)
    assert got.returncode == 1 and "missing languages         none of the 1 that are defined can be run; " in got.stdout, got.stdout
    shutil.copy(SHIPPED / "c.yaml", tmp_path)
    got = subprocess.run(doctor, capture_output=True, text=True, timeout=60)
    assert got.returncode == 0 and "note    language klingon  there is no tlhIngan " in got.stdout and "ok      language c        C (gcc) " in got.stdout, got.stdout


# Found by the name that people and files have for it.
@pytest.mark.parametrize("alias,code", [
    ("py", "print('hi')"), ("sh", "echo hi"), ("pl", 'print "hi\\n"'), ("php", "<?php echo 'hi', PHP_EOL;"), ("lua", "print('hi')"), ("js", "console.log('hi')"), ("rb", "puts 'hi'")])
def test_aliases(service, alias, code):
    assert service.eval(alias, code=code).json()["output"] == "hi\n"


HELLO = {"bash": "echo hi", "c": '#include <stdio.h>\nint main(void) { puts("hi"); }', "lua": "print('hi')", "node": "console.log('hi')", "perl": 'print "hi\\n"', "php": "<?php echo 'hi', PHP_EOL;", "python": "print('hi')", "ruby": "puts 'hi'"}
HELLO_LONG = {"go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hi") }', "java": 'public class Main { public static void main(String[] a) { System.out.println("hi"); } }'}


@pytest.mark.parametrize("language", [*HELLO, *(HELLO_LONG if LONG else [])])
def test_memory_min_is_enough(service, language):
    needed = {d["id"]: d for d in map(yaml.safe_load, (f.read_text() for f in SHIPPED.iterdir()))}[language]["memory_min"]
    assert re.fullmatch(r"[0-9]+MiB", needed)
    code, least = {**HELLO, **HELLO_LONG}[language], int(needed[:-3]) << 20
    answer = service.eval(language, code=code, limits={"memory_bytes": least}).json()
    assert (answer["verdict"], answer["output"]) == ("ok", "hi\n"), answer
    refused = service.eval(language, code=code, limits={"memory_bytes": least - (1 << 20)})
    assert refused.status_code == 422 and "/limits/memory_bytes" in refused.text, refused.text


def test_every_shipped_language_is_tried_here():
    assert {*HELLO, *HELLO_LONG} == {f.stem for f in SHIPPED.iterdir()}


def test_extensions_are_aliases():
    for f in SHIPPED.iterdir():
        d = yaml.safe_load(f.read_text())
        assert d["source"].rsplit(".", 1)[1] in [d["id"], *d.get("aliases", [])], f"{f.name}: the extension of {d['source']} is no alias"


def test_a_jdk_shows_its_configuration_and_no_more(service):
    """Whether or not java is here: of /etc/java-* there is what the JVM reads, and never what an administrator keeps beside it."""
    seen = service.eval("bash", code="cd /etc; find java-* -type f 2>/dev/null | sed 's|^[^/]*/||' | sort -u").json()["output"].split()
    allowed = {"logging.properties", "security/java.security", "security/java.policy", "security/default.policy", "security/blocked.certs",
               "security/policy/unlimited/default_US_export.policy", "security/policy/unlimited/default_local.policy"}
    assert {f for f in seen if not re.fullmatch(r"jvm-\w+\.cfg", f)} <= allowed
    assert not {"php", "shadow", "ssh", "sudoers", "serapis"} & set(service.eval("bash", code="ls /etc").json()["output"].split())


@pytest.mark.parametrize("change,message", [
    (("id: awk", "id: gawk"), 'awk.yaml:1: id: "gawk" must be the name of its file'),
    (("[mawk]", "[py]"), 'awk.yaml:3: aliases: "py" is already a name of python'),
    (("memory_min", "memory_mni"), 'awk.yaml:7: memory_mni: unknown key "memory_mni"; did you mean "memory_min"?')])
def test_a_wrong_definition_is_a_failed_start(tmp_path, change, message):
    # python is read after awk; the alias is found taken only when it comes first
    (tmp_path / "awk.yaml").write_text(block("yaml").replace(*change))
    if "py" in change[1]:
        (tmp_path / "awk.yaml").rename(tmp_path / "zawk.yaml")
        (tmp_path / "zawk.yaml").write_text((tmp_path / "zawk.yaml").read_text().replace("id: awk", "id: zawk"))
        message = message.replace("awk.yaml", "zawk.yaml", 1)
    shutil.copy(SHIPPED / "python.yaml", tmp_path)
    got = subprocess.run([SERAPIS, "serve", "--languages-dir", tmp_path, "--store", f"sqlite:{tmp_path}/s.db", "--http-listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
    assert got.returncode == 1 and got.stderr == f"serapis: {message}\n", got.stderr
