# SPDX-License-Identifier: MIT
"""The API's own description: well-formed, complete, and true (every answer of the other tests is held against it, too: conftest.py)."""
import json
import random
import re
import os
import string

import jsonschema
import pytest
import requests
from support.openapi import check_body, document, operation, resolve
from support.service import LONG, SOURCE

METHODS = {"get", "post", "put", "delete", "patch"}
OPERATIONS = [(p, m, o) for p, item in document()["paths"].items() for m, o in item.items()]
SEED = int(os.environ.get("SERAPIS_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


def walk(o, at=()):
    yield at, o
    if isinstance(o, dict):
        for k, v in o.items():
            yield from walk(v, (*at, k))
    elif isinstance(o, list):
        for i, v in enumerate(o):
            yield from walk(v, (*at, i))


def test_it_is_served_as_it_is_in_the_tree(server):
    a = server.get("/openapi.json")
    assert a.headers["Content-Type"] == "application/json" and a.content == (SOURCE / "src" / "api" / "openapi.json").read_bytes()
    assert a.json()["info"]["version"] == (SOURCE / "VERSION").read_text().strip() and a.json()["openapi"] == "3.1.0"


def test_lint():
    ids = [o["operationId"] for _, _, o in OPERATIONS]
    assert len(ids) == len(set(ids))
    for at, node in walk(document()):
        if isinstance(node, dict) and "$ref" in node:
            assert resolve(node), at
    for name, schema in document()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
    used = {n["$ref"] for _, n in walk(document()) if isinstance(n, dict) and "$ref" in n}
    for kind, things in document()["components"].items():
        for name in things:
            # Answers that any request can get are described for people, not for one operation.
            assert kind == "securitySchemes" or f"#/components/{kind}/{name}" in used or name in ("E405",), f"{kind}/{name} is not used"
    tags = {t["name"] for t in document()["tags"]}
    for path, method, o in OPERATIONS:
        assert method in METHODS and set(o["tags"]) <= tags and o["summary"] and not o["summary"].endswith(".") and "security" in o
        params = [resolve(p) for p in o.get("parameters", [])]
        assert {p["name"] for p in params if p["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path)), path
        assert all(p["required"] for p in params if p["in"] == "path") and len({(p["in"], p["name"]) for p in params}) == len(params)
        assert any(c.startswith("2") for c in o["responses"])
        for code, r in o["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", code) and resolve(r)["description"]


def test_examples_of_bodies_fit_their_schemas():
    n = 0
    for path, method, o in OPERATIONS:
        for content in o.get("requestBody", {}).get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                check_body(content["schema"], example["value"], f"{method} {path}, example {name}")
                n += 1
    assert n >= 3


def test_every_route_is_described_and_nothing_else():
    text = "".join((SOURCE / "src" / "api" / f).read_text() for f in ("api.c", "page.c"))
    routes = {(p, m.lower()) for m, p in re.findall(r'\{"(GET|POST|DELETE)", "(/[^"]*)"', text)}
    pages = {("/", "get"), ("/app.js", "get"), ("/style.css", "get")}
    assert routes - pages == {(p, m) for p, m, _ in OPERATIONS} and pages <= routes


def test_error_codes_are_named():
    """Each code that the program can answer with is in the description of an answer of that status."""
    described = {c: resolve({"$ref": f"#/components/responses/E{c}"})["description"] for c in (n[1:] for n in document()["components"]["responses"] if n.startswith("E"))}
    source = "".join(f.read_text() for d in ("api", "core") for f in sorted((SOURCE / "src" / d).glob("*.c")))
    codes = set(re.findall(r'(?:reply_problem\(\s*\w+, |problem_add\(\s*[^,]+, )(\d{3}), "([a-z_]+)"', source))
    assert len(codes) > 20
    for status, code in codes:
        assert code in described.get(status, "") or code == "not_ready" or status == "409" and code in described["409"], (status, code)


# ---- requests made of the document: whatever is sent, the answer is one that it has ----

def values(rng, schema, deep=0):
    """Something that may fit the schema, or nearly."""
    schema = resolve(schema)
    if "oneOf" in schema:
        return values(rng, rng.choice(schema["oneOf"]), deep)
    if "enum" in schema:
        return rng.choice([*schema["enum"], "nonsense"])
    kinds = schema.get("type", "string")
    kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
    if rng.random() < 0.15 or deep > 4:
        kind = rng.choice(["string", "integer", "null", "boolean", "array", "object"])
    if kind == "null":
        return None
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        return rng.choice([0, 1, -1, 7, 1000, 2**31, 2**53, 2**63 - 1, schema.get("minimum", 0), schema.get("maximum", 5)])
    if kind == "number":
        return rng.choice([0.5, 1e300, -0.0])
    if kind == "array":
        return [values(rng, schema.get("items", {}), deep + 1) for _ in range(rng.randrange(4))]
    if kind == "object":
        known = schema.get("properties", {})
        out = {k: values(rng, v, deep + 1) for k, v in known.items() if rng.random() < 0.4}
        if rng.random() < 0.3:
            out["".join(rng.choices(string.printable, k=rng.randrange(9)))] = values(rng, {}, deep + 1)
        return out
    return rng.choice(["", "x", "puts 1", "é\U0001F600", "a\x00b", "../../etc/passwd", "-rf", "A" * 300, "main.rb", "0", "\ud83d\ude00", "%00", "'; drop table", "$(id)", " "])


@pytest.mark.parametrize("path,method,op", OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_whatever_is_sent_is_answered_as_described(server, path, method, op):
    rng = random.Random(f"{SEED} {method} {path}")
    print(f"repeat with SERAPIS_SEED={SEED}")
    evaluation = server.eval("ruby", code="puts 1").json()["id"] if "evaluations" in path else None
    for _ in range(400 if LONG else 40):
        url = re.sub(r"\{(\w+)\}", lambda m: requests.utils.quote(str(rng.choice([evaluation or "me", "ruby", "cobol", "me", "x", "%", "a/b", "00000000-0000-7000-8000-000000000000", "..", "é"])), safe=""), path)
        params, headers, body = {}, {}, None
        for p in (resolve(p) for p in op.get("parameters", [])):
            if p["in"] == "query" and rng.random() < 0.4:
                params[p["name"]] = str(values(rng, p["schema"]))[:200].encode("utf-8", "replace").decode()
            if p["in"] == "header" and rng.random() < 0.3:
                headers[p["name"]] = str(rng.choice(["", "k", "bytes=0-", "bytes=-1", "bytes=9-1", "x" * 300, "a b"]))
        if rng.random() < 0.1:
            params["nonsense"] = "1"
        if "wait_ms" in params:
            params["wait_ms"] = rng.choice(["0", "1", "-1", "x", "99999999", ""])
        if "requestBody" in op:
            schema = op["requestBody"]["content"]["application/json"]["schema"]
            body = values(rng, schema)
            if isinstance(body, dict) and "eval" in path:
                body["wait_ms"] = rng.choice([0, 1, 20])
                if isinstance(body.get("limits"), dict):
                    body["limits"]["wall_ms"] = 500
            if isinstance(body, dict) and rng.random() < 0.5 and "evalua" in path + op["operationId"]:
                body = {"code": body.get("code"), "stdin": body.get("stdin")}
        a = requests.request(method, server.url + url, params=params, headers=headers, json=body if "requestBody" in op else None, timeout=60, allow_redirects=False)
        # conftest.py has held it against the document already; and whatever it was, it was not our fault.
        assert a.status_code < 500 or a.status_code == 503 and "requestBody" in op, (a.status_code, a.text, url, params, body)
    assert server.get("/healthz").status_code == 200


def test_the_check_finds_what_is_wrong(server):
    """The validation itself: an answer that was tampered with is refused."""
    from support import openapi
    a = server.eval("ruby", code="puts 1")
    for change in (lambda e: e.pop("claims"), lambda e: e.update(exit_code="0"), lambda e: e.update(status="done"), lambda e: e.update(created_at="today")):
        e = a.json()
        change(e)
        a._content = json.dumps(e).encode()
        with pytest.raises(AssertionError):
            openapi.check(a)
        a = server.eval("ruby", code="puts 1")
    a.status_code = 418
    with pytest.raises(AssertionError):
        openapi.check(a)
    assert operation("GET", "/v1/evaluations/x/stdout")[0] == "/v1/evaluations/{id}/stdout"
