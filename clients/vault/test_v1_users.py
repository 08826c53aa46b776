"""Databunker's `/v1`: users and application data, one test for each documented route, and its errors."""

import pytest
import requests

from people import MODES, NOWHERE, identity, name, person
from wire import ok, refused


def test_post_user_takes_json(http, profile):
    body = ok(http.post("user", json=profile))
    assert set(body) == {"status", "token"}
    assert ok(http.get("user", "token", body["token"]))["data"] == profile


def test_post_user_takes_a_form(http, profile):
    token = ok(http.post("user", form=profile))["token"]
    assert ok(http.get("user", "token", token))["data"] == profile


@pytest.mark.parametrize("mode", MODES)
def test_get_user(http, profile, token, mode):
    assert ok(http.get("user", mode, identity(mode, token, profile))) == {
        "status": "ok",
        "token": token,
        "data": profile,
    }


@pytest.mark.parametrize("mode", MODES)
def test_put_user_merges_json_and_null_deletes(http, profile, token, mode):
    body = ok(
        http.put("user", mode, identity(mode, token, profile), json={"first": "Augusta", "last": None, "n": {"a": 1}})
    )
    assert body["token"] == token
    expected = {**profile, "first": "Augusta", "n": {"a": 1}}
    del expected["last"]
    assert ok(http.get("user", "token", token))["data"] == expected


def test_put_user_merges_a_form(http, profile, token):
    ok(http.put("user", "token", token, form={"first": "Augusta"}))
    assert ok(http.get("user", "token", token))["data"] == {**profile, "first": "Augusta"}


def test_put_user_takes_a_patch(http, profile, token):
    ok(http.put("user", "token", token, json=[{"op": "replace", "path": "/first", "value": "Augusta"}]))
    assert ok(http.get("user", "token", token))["data"] == {**profile, "first": "Augusta"}


@pytest.mark.parametrize("mode", MODES)
def test_delete_user(http, profile, token, mode):
    assert ok(http.delete("user", mode, identity(mode, token, profile)))["result"] == "done"
    for other in MODES:
        refused(http.get("user", other, identity(other, token, profile)), 404)


@pytest.mark.parametrize("mode", ["login", "email", "phone", "custom"])
def test_two_users_with_one_identity_conflict(http, profile, token, mode):
    assert mode in refused(http.post("user", json=person(**{mode: profile[mode]})), 409)


def test_an_update_to_the_identity_of_another_conflicts(http, profile, token):
    other = ok(http.post("user", json=person()))["token"]
    assert "email" in refused(http.put("user", "token", other, json={"email": profile["email"]}), 409)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_an_unknown_user_is_not_found(http, method):
    arguments = {"json": {"first": "Eve"}} if method == "put" else {}
    for mode in MODES:
        refused(getattr(http, method)("user", mode, identity(mode, NOWHERE, person()), **arguments), 404)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_bad_mode_and_a_bad_uuid_are_refused(http, method):
    arguments = {"json": {"first": "Eve"}} if method == "put" else {}
    refused(getattr(http, method)("user", "shoe-size", "44", **arguments), 400)
    refused(getattr(http, method)("user", "token", "44", **arguments), 400)


@pytest.mark.parametrize(
    "body, kind",
    [
        ("", "application/json"),
        ("{}", "application/json"),
        ("[1]", "application/json"),
        ('"ada"', "application/json"),
        ('{"first": ', "application/json"),
        ('{"first": "Ada"}', "application/x-www-form-urlencoded"),
        ('{"first": "Ada"}', "text/plain"),
        ("first=Ada", "application/json"),
        (b'{"first": "\xff"}', "application/json"),
    ],
)
def test_a_body_that_is_no_profile_is_refused(http, body, kind):
    refused(http.post("user", body=body, headers={"content-type": kind}), 400)


@pytest.mark.parametrize("value", [["a@example.org"], {"a": 1}, True])
def test_an_identity_that_is_no_text_is_refused_by_name(http, value):
    assert "email" in refused(http.post("user", json=person(email=value)), 400)


def test_a_number_is_an_identity_too(http):
    number = int(person()["phone"][1:])
    token = ok(http.post("user", json=person(custom=number)))["token"]
    assert ok(http.get("user", "custom", number))["token"] == token


def test_a_plus_in_a_path_is_a_plus(http):
    profile = person()
    profile["email"] = profile["email"].replace("@", "+news@")
    token = ok(http.post("user", json=profile))["token"]
    assert ok(http.get("user", "email", profile["email"]))["token"] == token
    plain = requests.get(f"{http.url}/v1/user/email/{profile['email']}", headers=http.headers, timeout=30)
    assert ok(plain)["token"] == token


def test_an_identity_may_hold_a_slash(http):
    login = f"{name('dom')}/ada"
    token = ok(http.post("user", json=person(login=login)))["token"]
    assert ok(http.get("user", "login", login))["token"] == token


@pytest.mark.parametrize("form", [True, False])
def test_post_and_get_userapp(http, token, form):
    data = {"country": "DE", "city": "Berlin"}
    body = ok(http.post("userapp", "token", token, "shipping", **({"form": data} if form else {"json": data})))
    assert body["token"] == token
    assert ok(http.get("userapp", "token", token, "shipping")) == {"status": "ok", "token": token, "data": data}


@pytest.mark.parametrize("mode", MODES)
def test_userapp_by_each_mode(http, profile, token, mode):
    who = identity(mode, token, profile)
    ok(http.post("userapp", mode, who, "shipping", json={"city": "Berlin", "zip": "10115"}))
    ok(http.put("userapp", mode, who, "shipping", json={"zip": None, "street": "Au 1"}))
    assert ok(http.get("userapp", mode, who, "shipping"))["data"] == {"city": "Berlin", "street": "Au 1"}
    assert ok(http.get("userapp", mode, who)) == {"status": "ok", "token": token, "apps": ["shipping"]}
    ok(http.delete("userapp", mode, who, "shipping"))
    refused(http.get("userapp", mode, who, "shipping"), 404)
    assert ok(http.get("userapp", mode, who))["apps"] == []


def test_posting_userapp_again_replaces(http, token):
    ok(http.post("userapp", "token", token, "shipping", json={"a": 1}))
    ok(http.post("userapp", "token", token, "shipping", json={"b": 2}))
    assert ok(http.get("userapp", "token", token, "shipping"))["data"] == {"b": 2}


def test_put_userapp_takes_a_patch(http, token):
    ok(http.post("userapp", "token", token, "shipping", json={"a": [1]}))
    ok(http.put("userapp", "token", token, "shipping", json=[{"op": "add", "path": "/a/-", "value": 2}]))
    assert ok(http.get("userapp", "token", token, "shipping"))["data"] == {"a": [1, 2]}


def test_get_userapps(http, token):
    app = name("app")
    ok(http.post("userapp", "token", token, app, json={"a": 1}))
    assert ok(http.get("userapps"))["apps"].count(app) == 1


def test_userapp_errors(http, token):
    refused(http.post("userapp", "token", NOWHERE, "shipping", json={"a": 1}), 404)
    refused(http.post("userapp", "token", "x", "shipping", json={"a": 1}), 400)
    refused(http.post("userapp", "token", token, "ship!ping", json={"a": 1}), 400)
    refused(
        http.post("userapp", "token", token, "shipping", body="", headers={"content-type": "application/json"}), 400
    )
    refused(http.put("userapp", "token", token, "shipping", json={"a": 1}), 404)
    refused(http.get("userapp", "token", token, "shipping"), 404)
    refused(http.delete("userapp", "token", token, "shipping"), 404)
    refused(http.get("userapp", "token", NOWHERE), 404)
