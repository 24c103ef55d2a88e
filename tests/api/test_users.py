# SPDX-License-Identifier: MIT
"""Users, keys, who may see what, bounds of a key; with a real service whose first administrator comes from a file."""
import re
import threading
import time
import uuid

import pytest
import requests
from support.service import Service, wait_for

ADMIN = "srp_00000000000000aa_" + "5a" * 32
USER_KEYS = ["id", "email", "role", "created_at"]
KEY_KEYS = ["id", "name", "rate_per_minute", "max_waiting", "max_running", "created_at", "revoked_at"]


class Client:
    """Somebody with a key (None: nobody)."""

    def __init__(self, service, key):
        self.url, self.key, self.session = service.url, key, requests.Session()

    def __call__(self, method, path, body=None, **kw):
        headers = {**({"Authorization": "Bearer " + self.key} if self.key else {}), **kw.pop("headers", {})}
        return self.session.request(method, self.url + path, json=body, headers=headers, timeout=90, **kw)

    def eval(self, code="puts 1", **fields):
        headers = fields.pop("headers", {})
        return self("POST", "/v1/eval/ruby", {"code": code, **fields}, headers=headers)


def error(answer, status, code):
    e = answer.json()["error"]
    assert (answer.status_code, e["code"]) == (status, code), answer.text
    return e


@pytest.fixture(scope="module", params=["admin"])
def service(request, tmp_path_factory):
    file = tmp_path_factory.mktemp("key") / "admin.key"
    file.write_text(ADMIN + "\n")
    with Service("--auth-signup", request.param, "--slots", "2", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SERAPIS_ADMIN_KEY_FILE": str(file)}) as s:
        yield s
        assert s.stop() == 0, s.log()[-4000:]
        assert "5a5a5a5a" not in s.log(), "a secret is in the log"


@pytest.fixture(scope="module")
def admin(service):
    return Client(service, ADMIN)


@pytest.fixture
def person(service, admin):
    """Makes users: person(bounds…) → Client with .user and .made."""

    def make(**fields):
        a = admin("POST", "/v1/users", {"email": f"{uuid.uuid4().hex}@example.org", **fields})
        assert a.status_code == 201, a.text
        c = Client(service, a.json()["key"]["key"])
        c.user, c.made = a.json()["id"], a.json()
        return c

    return make


def test_without_a_key_nothing_but_probes_and_the_page(service):
    nobody = Client(service, None)
    for method, path in [("GET", "/v1/languages"), ("GET", "/v1/evaluations"), ("POST", "/v1/eval/ruby"), ("GET", "/v1/users"), ("POST", "/v1/users"), ("GET", "/metrics"),
                         ("DELETE", "/v1/users/me"), ("GET", f"/v1/evaluations/{uuid.uuid4()}")]:
        a = nobody(method, path, {})
        error(a, 401, "unauthenticated")
        assert a.headers["WWW-Authenticate"] == 'Bearer realm="serapis"'
    for path in ("/healthz", "/readyz", "/", "/app.js"):
        assert nobody("GET", path).status_code == 200


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Bearer x", "Bearer srp_", "Bearer srp_00000000000000aa_" + "5a" * 31, "Bearer srp_00000000000000aa_" + "5A" * 32 + "0",
                                    "Bearer srp_00000000000000aa_" + "5b" * 32, "Bearer srp_00000000000000ab_" + "5a" * 32, "bearer  srp_00000000000000aa_" + "00" * 32])
def test_wrong_keys(service, header):
    a = requests.get(service.url + "/v1/users/me", headers={"Authorization": header}, timeout=30)
    error(a, 401, "unauthenticated")
    assert header.split("_")[-1] not in a.text or len(header) < 40


def test_scheme_is_not_case_sensitive(service):
    assert requests.get(service.url + "/v1/users/me", headers={"Authorization": "bearer " + ADMIN}, timeout=30).json()["role"] == "admin"


def test_making_and_seeing_a_user(admin, person):
    p = person(key_name="laptop")
    assert list(p.made) == USER_KEYS + ["key"] and list(p.made["key"]) == KEY_KEYS + ["key"]
    assert re.fullmatch(r"srp_[0-9a-f]{16}_[0-9a-f]{64}", p.made["key"]["key"]) and p.made["key"]["name"] == "laptop" and p.made["role"] == "user"
    me = p("GET", "/v1/users/me").json()
    assert list(me) == USER_KEYS and me["id"] == p.user == p("GET", f"/v1/users/{p.user}").json()["id"]
    assert p.made["key"]["key"].split("_")[2] not in p("GET", "/v1/users/me/keys").text
    error(admin("POST", "/v1/users", {"email": me["email"].upper()}), 409, "email_taken")


def test_users_are_listed_to_administrators_page_by_page(admin, person):
    made = {person().user for _ in range(5)}
    error(person()("GET", "/v1/users"), 403, "forbidden")
    seen, cursor = [], None
    while True:
        page = admin("GET", f"/v1/users?limit=2{'&cursor=' + cursor if cursor else ''}").json()
        assert list(page) == ["items", "next_cursor"] and 1 <= len(page["items"]) <= 2
        seen += [u["id"] for u in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert made <= set(seen) and len(seen) == len(set(seen)) and seen == sorted(seen, reverse=True)
    error(admin("GET", "/v1/users?cursor=x"), 400, "invalid_cursor")
    assert error(admin("GET", "/v1/users?limit=201"), 422, "invalid_field")["limit"] == 200


@pytest.mark.parametrize("body,field", [({}, "/email"), ({"email": 1}, "/email"), ({"email": "x"}, "/email"), ({"email": "a@b\n"}, "/email"), ({"email": "a@" + "b" * 254}, "/email"),
                                        ({"email": "a@b.c", "role": "root"}, "/role"), ({"email": "a@b.c", "key_name": "n" * 65}, "/key_name"),
                                        ({"email": "a@b.c", "rate_per_minute": 0}, "/rate_per_minute"), ({"email": "a@b.c", "colour": 1}, "/colour")])
def test_bodies_that_make_no_user(admin, body, field):
    e = admin("POST", "/v1/users", body)
    assert e.status_code == 422 and e.json()["error"]["field"] == field, e.text


def test_all_problems_at_once(admin):
    e = admin("POST", "/v1/users", {"email": "x", "role": "root", "colour": 1}).json()["error"]
    assert {e["field"], *(m["field"] for m in e["more"])} == {"/email", "/role", "/colour"}


def test_others_look_absent(admin, person):
    p, q = person(), person()
    mine = p.eval().json()["id"]
    assert p("GET", f"/v1/evaluations/{mine}").json()["output"] == "1\n"
    for method, path in [("GET", f"/v1/evaluations/{mine}"), ("GET", f"/v1/evaluations/{mine}?wait_ms=100"), ("POST", f"/v1/evaluations/{mine}/cancel"), ("DELETE", f"/v1/evaluations/{mine}"),
                         ("GET", f"/v1/evaluations/{mine}/stdout"), ("GET", f"/v1/users/{p.user}"), ("GET", f"/v1/users/{p.user}/keys"), ("POST", f"/v1/users/{p.user}/keys"),
                         ("DELETE", f"/v1/users/{p.user}"), ("DELETE", f"/v1/users/{p.user}/keys/{p.made['key']['id']}"), ("DELETE", f"/v1/users/{q.user}/keys/{p.made['key']['id']}")]:
        a = q(method, path, {} if method == "POST" else None)
        # What is another's is told apart from nothing by no byte of the answer.
        other = q(method, path.replace(mine, str(uuid.uuid4())).replace(p.user, str(uuid.uuid4())), {} if method == "POST" else None)
        assert error(a, 404, "not_found")["message"].split("'")[0] == error(other, 404, "not_found")["message"].split("'")[0]
    assert mine not in q("GET", "/v1/evaluations").text and q("GET", "/v1/evaluations").json()["items"] == []
    error(q("GET", f"/v1/evaluations?user_id={p.user}"), 403, "forbidden")
    error(q("GET", "/v1/evaluations?all=true"), 403, "forbidden")
    assert admin("GET", f"/v1/evaluations/{mine}").json()["id"] == mine
    assert [i["id"] for i in admin("GET", f"/v1/evaluations?user_id={p.user}").json()["items"]] == [mine]
    assert {p.user} <= {i["user_id"] for i in admin("GET", "/v1/evaluations?all=true&limit=200").json()["items"]}
    assert admin("GET", "/v1/evaluations").json()["items"] == []


def test_keys_are_made_shown_and_revoked(person):
    p = person()
    a = p("POST", "/v1/users/me/keys", {"name": "ci", "rate_per_minute": 5})
    assert a.status_code == 201 and list(a.json()) == KEY_KEYS + ["key"] and a.json()["rate_per_minute"] == 5
    second = Client(p, a.json()["key"])
    assert second("GET", "/v1/users/me").json()["id"] == p.user
    listed = p("GET", "/v1/users/me/keys").json()["items"]
    assert [k["id"] for k in listed] == [a.json()["id"], p.made["key"]["id"]] and all(list(k) == KEY_KEYS for k in listed)
    gone = p("DELETE", f"/v1/users/me/keys/{a.json()['id']}")
    assert gone.status_code == 200 and gone.json()["revoked_at"]
    error(second("GET", "/v1/users/me"), 401, "unauthenticated")  # at once, though it was known a moment ago
    assert p("GET", "/v1/users/me").status_code == 200
    for id in ("x", "0" * 16):
        error(p("DELETE", f"/v1/users/me/keys/{id}"), 404, "not_found")
    # An ordinary user cannot give himself more than the server gives.
    assert error(p("POST", "/v1/users/me/keys", {"max_running": 65}), 422, "limit_too_large")["limit"] == 64


def test_too_many_keys(person):
    p = person()
    answers = [p("POST", "/v1/users/me/keys", {}).status_code for _ in range(102)]
    assert set(answers) == {201, 409} and answers.index(409) == answers.count(201)
    error(p("POST", "/v1/users/me/keys", {}), 409, "too_many_keys")


def test_rate_of_a_key(person):
    p = person(rate_per_minute=3)
    left = []
    for _ in range(3):
        a = p("GET", "/v1/users/me")
        assert a.status_code == 200 and a.headers["RateLimit-Limit"] == "3"
        left.append(int(a.headers["RateLimit-Remaining"]))
    assert left == [2, 1, 0]
    a = p("GET", "/v1/users/me")
    assert error(a, 429, "rate_limited")["limit"] == 3
    assert 1 <= int(a.headers["Retry-After"]) <= 20 and a.headers["RateLimit-Remaining"] == "0" and 1 <= int(a.headers["RateLimit-Reset"]) <= 60
    assert person()("GET", "/v1/users/me").status_code == 200, "another key is not concerned"


def test_waiting_of_a_key_is_bounded(person):
    p, q = person(max_waiting=2, max_running=1), person()
    ids = [p.eval("sleep 60", **{"async": True}).json()["id"]]
    wait_for(lambda: p("GET", f"/v1/evaluations/{ids[0]}").json()["status"] == "evaluating", 30, "the first to run")
    ids += [p.eval("puts 2", **{"async": True}).json()["id"] for _ in range(2)]
    a = p.eval("puts 3", **{"async": True})
    assert error(a, 429, "too_many_waiting")["limit"] == 2 and a.headers["Retry-After"]
    # Its own run holds up its own, and nobody else, though a slot is free.
    assert q.eval("puts 4").json()["output"] == "4\n"
    assert p("GET", f"/v1/evaluations/{ids[1]}").json()["status"] == "created"
    assert p("POST", f"/v1/evaluations/{ids[0]}/cancel?wait_ms=20000").json()["status"] == "canceled"
    assert [p("GET", f"/v1/evaluations/{i}?wait_ms=20000").json()["output"] for i in ids[1:]] == ["2\n", "2\n"]


def test_deleting_a_user_erases_all_of_his(admin, person):
    p = person()
    done, running = p.eval().json()["id"], p.eval("sleep 60", **{"async": True}).json()["id"]
    wait_for(lambda: admin("GET", f"/v1/evaluations/{running}").json()["status"] == "evaluating", 30, "it to run")
    assert p("DELETE", "/v1/users/me").status_code == 204
    error(p("GET", "/v1/users/me"), 401, "unauthenticated")
    for id in (done, running):
        error(admin("GET", f"/v1/evaluations/{id}"), 404, "not_found")
    error(admin("GET", f"/v1/users/{p.user}"), 404, "not_found")
    # The slot is free again at once, not when the program would have ended.
    assert all(admin.eval("puts 5").json()["output"] == "5\n" for _ in range(4))
    assert admin("POST", "/v1/users", {"email": p.made["email"]}).status_code == 201


def test_programs_of_a_deleted_user_end_at_once(tmp_path):
    """Not only when leases are renewed the next time, which here is never."""
    file = tmp_path / "admin.key"
    file.write_text(ADMIN + "\n")
    with Service("--auth-admin-key-file", file, "--slots", "1", "--lease-renew", "5m", "--lease-duration", "10m", "--limits-max-wall-ms", "9m") as s:
        admin = Client(s, ADMIN)
        made = admin("POST", "/v1/users", {"email": "gone@example.org"}).json()
        running = Client(s, made["key"]["key"]).eval("sleep", limits={"wall_ms": 540000}, **{"async": True}).json()["id"]
        wait_for(lambda: admin("GET", f"/v1/evaluations/{running}").json()["status"] == "evaluating", 30, "it to run")
        assert admin("DELETE", f"/v1/users/{made['id']}").status_code == 204
        assert admin.eval("puts 6").json()["output"] == "6\n"


def test_the_last_administrator_stays(admin):
    error(admin("DELETE", "/v1/users/me"), 409, "last_admin")
    other = admin("POST", "/v1/users", {"email": f"{uuid.uuid4().hex}@example.org", "role": "admin"}).json()
    assert other["role"] == "admin" and admin("DELETE", f"/v1/users/{other['id']}").status_code == 204
    assert admin("GET", "/v1/users/me").status_code == 200


def test_idempotency_keys_belong_to_users(person):
    p, q = person(), person()
    key = {"Idempotency-Key": "the-same"}
    first = p.eval("puts 1", headers=key).json()["id"]
    again = p.eval("puts 1", headers=key)
    assert again.json()["id"] == first and again.headers["Idempotent-Replayed"] == "true"
    other = q.eval("puts 2", headers=key)
    assert other.json()["id"] != first and "Idempotent-Replayed" not in other.headers
    error(p.eval("puts 2", headers=key), 422, "idempotency_key_reused")
    # How it is to be answered is no part of what is asked for.
    assert p.eval("puts 1", headers=key, **{"async": True}).json()["id"] == first
    for bad in ("", "a b", "ä", "x" * 256):
        a = requests.post(p.url + "/v1/eval/ruby", json={"code": "1"}, headers={"Authorization": "Bearer " + p.key, "Idempotency-Key": bad.encode("utf-8")}, timeout=30)
        assert error(a, 422, "invalid_field")["limit"] == 255


def test_one_of_many_at_once_is_stored(person):
    p, ids = person(), []

    def one():
        ids.append(Client(p, p.key).eval("puts 7", headers={"Idempotency-Key": "race"}).json()["id"])

    threads = [threading.Thread(target=one) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(ids) == 16 and len(set(ids)) == 1
    assert len(p("GET", "/v1/evaluations").json()["items"]) == 1


def test_a_key_that_is_revoked_elsewhere_stops_within_ten_seconds(service, admin, person):
    p = person()
    assert p("GET", "/v1/users/me").status_code == 200
    # Past the API, as another process does it.
    import sqlite3
    db = sqlite3.connect(service.dir / "serapis.db", timeout=30)
    with db:
        db.execute("UPDATE api_keys SET revoked_at = 1 WHERE id = ?", (p.made["key"]["id"],))
    db.close()
    wait_for(lambda: p("GET", "/v1/users/me").status_code == 401, 30, "the key's end", pause=0.5)


def test_open_signup(tmp_path):
    file = tmp_path / "admin.key"
    file.write_text(ADMIN + "\n")
    with Service("--auth-signup", "open", "--auth-admin-key-file", file) as s:
        nobody = Client(s, None)
        a = nobody("POST", "/v1/users", {"email": "new@example.org"})
        assert a.status_code == 201 and a.json()["role"] == "user" and a.headers["Location"] == f"/v1/users/{a.json()['id']}"
        assert Client(s, a.json()["key"]["key"]).eval().json()["output"] == "1\n"
        # What only an administrator may give is not even known here.
        for body in ({"email": "x@example.org", "role": "admin"}, {"email": "x@example.org", "rate_per_minute": 100000}):
            error(nobody("POST", "/v1/users", body), 422, "unknown_field")
        codes = [nobody("POST", "/v1/users", {"email": f"u{i}@example.org"}).status_code for i in range(12)]
        assert codes.count(201) <= 10 and codes[-1] == 429
        assert Client(s, ADMIN)("POST", "/v1/users", {"email": "by@example.org", "role": "admin"}).status_code == 201
        assert s.stop() == 0


def test_signup_off(tmp_path):
    file = tmp_path / "admin.key"
    file.write_text(ADMIN + "\n")
    with Service("--auth-signup", "off", "--auth-admin-key-file", file) as s:
        error(Client(s, None)("POST", "/v1/users", {"email": "new@example.org"}), 401, "unauthenticated")
        error(Client(s, ADMIN)("POST", "/v1/users", {"email": "new@example.org"}), 403, "forbidden")


def test_the_key_file_is_taken_once_and_checked(tmp_path):
    file = tmp_path / "admin.key"
    file.write_text("srp_nonsense\n")
    s = Service("--auth-admin-key-file", file)
    s.start(wait=False)
    assert s.process.wait(timeout=30) != 0 and s.log_contains("auth.admin_key_file") and "nonsense" not in s.log()
    file.write_text(ADMIN)
    try:
        for _ in range(2):
            s.start()
            assert Client(s, ADMIN)("GET", "/v1/users/me").json()["role"] == "admin"
            assert s.stop() == 0
        file.unlink()
        s.args = []
        s.start()
        assert Client(s, ADMIN)("GET", "/v1/users").json()["items"][0]["role"] == "admin", "the administrator is in the store"
        error(Client(s, None)("GET", "/v1/languages"), 401, "unauthenticated")
    finally:
        s.close()
