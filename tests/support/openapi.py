# SPDX-License-Identifier: MIT
"""Holds answers against src/api/openapi.json: the status must be one that the operation can give, with the headers and the body that the document says. Used on every answer that a test gets through `requests`."""
import functools
import json
import re
import urllib.parse

import jsonschema

from support.service import SOURCE

# What any request can be answered with before it is one of the API's, so that no operation lists it.
ALWAYS = {400, 403, 405, 408, 413, 431, 503}


FORMATS = jsonschema.FormatChecker(["uuid"])


@FORMATS.checks("date-time")
def _is_time(value):
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is not None


@functools.cache
def document():
    return json.loads((SOURCE / "src" / "api" / "openapi.json").read_text())


def resolve(o):
    while "$ref" in o:
        node = document()
        for part in o["$ref"].removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        o = node
    return o


@functools.cache
def paths():
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", p) + "$"), p) for p in sorted(document()["paths"], key=lambda p: p.count("{"))]


def operation(method, path):
    """(template, operation) of a request, or None when the document knows no such path; an unknown method gives (template, None)."""
    for pattern, template in paths():
        if pattern.match(path):
            item = document()["paths"][template]
            return template, item.get("get" if method == "HEAD" else method.lower())
    return None


@functools.cache
def validator(schema):
    # References of a schema are looked up in the whole document.
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema.Draft202012Validator(whole, format_checker=FORMATS)


def check_body(schema, value, where):
    errors = sorted(validator(json.dumps(schema)).iter_errors(value), key=lambda e: list(e.path))
    assert not errors, f"{where}: {errors[0].message} at {list(errors[0].absolute_path)}"


def check(answer):
    request = answer.request
    path = urllib.parse.urlsplit(request.url).path
    where = f"{request.method} {path} → {answer.status_code}"
    found = operation(request.method, path)
    if found is None or found[1] is None:  # pages, and what does not exist
        return
    template, op = found
    responses = op["responses"]
    said = responses.get(str(answer.status_code))
    if said is None:
        assert answer.status_code in ALWAYS, f"{where}: the document has no such answer of {template}"
        if not path.startswith("/api/") or answer.status_code in (400, 405, 408, 413, 431) and "error" in answer.text and isinstance(answer.json()["error"], dict):
            check_body({"$ref": "#/components/schemas/Error"}, answer.json(), where)
        return
    said = resolve(said)
    for name, header in said.get("headers", {}).items():
        if name in ("X-Request-Id", "Content-Range"):
            assert name in answer.headers, f"{where}: no header {name}"
        if name in answer.headers:
            schema = resolve(header)["schema"]
            value = answer.headers[name]
            check_body(schema, int(value) if schema.get("type") == "integer" else value, f"{where}, header {name}")
    content = said.get("content")
    if request.method == "HEAD":
        return
    if content is None:
        assert answer.content == b"", f"{where}: the document says that there is no body"
        return
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in content, f"{where}: {kind} is not among {list(content)}"
    if kind == "application/json":
        check_body(content[kind]["schema"], answer.json(), where)
