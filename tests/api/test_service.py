# SPDX-License-Identifier: MIT
"""Languages, health, the page at /, and who may call a server without users."""
import fcntl
import os
import re
import shutil
import subprocess

import pytest
import requests
from support.service import SERAPIS, Service, wait_for
from wire import Wire

LIMITS = ["wall_ms", "cpu_ms", "memory_bytes", "processes", "open_files", "files_bytes", "output_bytes", "compile_wall_ms"]
# Compilers of hundreds of megabytes: `make check-long` installs them, `make check` takes a host with or without. What it then says of the language is held here.
OPTIONAL = {"go": "go", "java": "javac"}


def test_languages(server):
    items = server.get("/v1/languages").json()["items"]
    by_id = {i["id"]: i for i in items}
    assert {"c", "node", "ruby"} <= set(by_id)
    for i in items:
        assert list(i) == ["id", "name", "aliases", "version", "available", "reason", "source", "compiled", "limits"]
        if i["id"] in OPTIONAL and not shutil.which(OPTIONAL[i["id"]], path="/usr/bin:/bin"):
            assert i["available"] is False and i["version"] is None and OPTIONAL[i["id"]] in i["reason"]
        else:
            assert i["available"] is True and i["reason"] is None and re.match(r"\d", i["version"])
        assert list(i["limits"]) == ["defaults", "max"] and all(list(v) == LIMITS for v in i["limits"].values())
        assert all(0 < i["limits"]["defaults"][k] <= i["limits"]["max"][k] for k in LIMITS)
    assert by_id["c"]["compiled"] and not by_id["ruby"]["compiled"]
    assert "js" in by_id["node"]["aliases"] and by_id["ruby"]["source"] == "main.rb"
    assert items == sorted(items, key=lambda i: i["id"])


def test_health(server):
    assert server.get("/healthz").json() == {"status": "ok"}
    assert server.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("path,kind,contains", [
    ("/", "text/html; charset=utf-8", "<title>Serapis"), ("/app.js", "text/javascript; charset=utf-8", "/v1/eval/"), ("/style.css", "text/css; charset=utf-8", "prefers-color-scheme"),
])
def test_page(server, path, kind, contains):
    a = server.get(path)
    assert a.status_code == 200 and a.headers["Content-Type"] == kind and contains in a.text
    assert re.fullmatch('"[0-9a-f]{16}"', a.headers["ETag"]) and a.headers["Cache-Control"] == "no-cache"
    again = server.get(path, headers={"If-None-Match": 'W/"x", ' + a.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", a.headers["ETag"])
    assert server.get(path, headers={"If-None-Match": '"0000000000000000"'}).status_code == 200


def test_page_runs_nothing_inline(server):
    a = server.get("/")
    policy = a.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", a.text)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', a.text)) - {"/app.js", "/style.css", "/openapi.json"} == {u for u in re.findall(r'href="(data:[^"]*)"', a.text)}


def call(server, *headers, path="/v1/languages", method="GET", host="127.0.0.1"):
    with Wire(server.port, host=host) as w:
        w.send(("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, "".join(h + "\r\n" for h in headers))).encode())
        return w.answer()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:80"])
def test_open_mode_hosts(server, host):
    assert call(server, "Host: " + host).status == 200


@pytest.mark.parametrize("headers,names", [
    (["Host: evil.example"], "Host"), (["Host: localhost.evil.example"], "Host"), (["Host: localhost:"], "Host"), (["Host: 127.0.0.1.nip.io:80"], "Host"), (["Host: 127.0.0.2"], "Host"),
    (["Host: "], "Host"), (["Host: localhost", "X-Forwarded-For: 127.0.0.1"], "X-Forwarded-For"), (["Host: localhost", "x-forwarded-host: localhost"], "x-forwarded-host"),
    (["Host: localhost", "Forwarded: for=127.0.0.1"], "Forwarded"), (["Host: localhost", "Via: 1.1 x"], "Via"), (["Host: localhost", "X-Real-IP: 1.2.3.4"], "X-Real-IP"),
    (["Host: localhost", "Origin: http://evil.example"], "Origin"), (["Host: localhost", "Origin: null"], "Origin"), (["Host: localhost:8080", "Origin: http://localhost:9090"], "Origin"),
    (["Host: localhost", "Origin: https://localhost"], "Origin"), (["Host: localhost", "Origin: http://127.0.0.1"], "Origin"),
])
def test_open_mode_refuses(server, headers, names):
    for path in ("/v1/languages", "/", "/nope", "/v1/evaluations/x"):
        a = call(server, *headers, path=path)
        assert a.status == 403 and b'"code":"open_mode_local_only"' in a.body, a
        assert names.encode() in a.body and b"serapis user add --admin EMAIL" in a.body
    assert call(server, *headers, path="/v1/eval/ruby", method="POST").status == 403
    for path in ("/healthz", "/readyz"):
        assert call(server, *headers, path=path).status == 200


@pytest.mark.parametrize("headers", [["Host: localhost:8080", "Origin: http://localhost:8080"], ["Host: [::1]:8080", "Origin: http://[::1]:8080"], ["Host: LocalHost", "Origin: http://localhost"]])
def test_open_mode_same_origin(server, headers):
    assert call(server, *headers).status == 200


def test_refused_upload_keeps_or_closes_the_connection(server):
    """A body refused by the gate is never taken for the next request."""
    smuggled = b"GET /v1/languages HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Wire(server.port) as w:
        w.send(b"POST /v1/eval/ruby HTTP/1.1\r\nHost: evil\r\nContent-Length: %d\r\n\r\n" % len(smuggled) + smuggled + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert w.answer().status == 403
        assert w.answer().body == b'{"status":"ok"}\n'


def test_malformed_request(server):
    with Wire(server.port) as w:
        w.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
        a = w.answer()
        assert a.status == 400 and b'"code":"bad_request"' in a.body and a.headers["content-type"] == "application/json"
        assert a.headers["x-request-id"].encode() in a.body
        assert w.closed()


def test_headers_too_large(server):
    a = requests.get(server.url + "/healthz", headers={"X-A": "a" * 33000})
    assert a.status_code == 431 and a.json()["error"]["limit"] == 32768


def test_a_log_that_nobody_reads_stops_nothing(tmp_path):
    """Every request is a line; the pipe is full long before the last of them."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    port_file = tmp_path / "port"
    p = subprocess.Popen([SERAPIS, "serve", "--http-listen", "127.0.0.1:0", "--http-port-file", port_file, "--store", f"sqlite:{tmp_path}/t.db", "--drain-delay", "0s"],
                         stdin=subprocess.DEVNULL, stdout=write, stderr=write, start_new_session=True)
    os.close(write)
    try:
        wait_for(lambda: port_file.exists() or p.poll() is not None, 30, "the port file")
        for _ in range(200):
            assert requests.get("http://127.0.0.1:%s/v1/languages" % port_file.read_text().strip(), timeout=60).status_code == 200
        p.terminate()
        assert p.wait(timeout=60) == 0
    finally:
        p.kill()
        p.wait()
        os.close(read)
