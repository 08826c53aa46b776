"""Databunker's `/v1`: sessions, shared records, expiry, requests, log and system, a test for each documented route."""

import json
import time
import uuid

import pytest

from people import MODES, NOWHERE, identity, person
from wire import Wire, eventually, ok, refused


@pytest.mark.parametrize("mode", MODES)
def test_post_session_of_a_user_makes_one_that_is_read_listed_and_deleted(http, profile, token, mode):
    who = identity(mode, token, profile)
    body = ok(http.post("session", mode, who, json={"expiration": "3d", "clientip": "192.0.2.1"}))
    session = str(uuid.UUID(body["session"]))
    found = ok(http.get("session", "session", session))
    assert (found["session"], found["data"]["clientip"]) == (session, "192.0.2.1")
    assert abs(found["when"] - time.time()) < 300
    listed = ok(http.get("session", mode, who))
    assert (listed["total"], [row["session"] for row in listed["rows"]]) == (1, [session])
    assert listed["sessions"] == listed["rows"]
    assert ok(http.get("sessions", mode, who))["rows"] == listed["rows"]
    ok(http.delete("session", "session", session))
    refused(http.get("session", "session", session), 404)
    assert ok(http.get("session", mode, who))["rows"] == []


def test_post_session_takes_a_form(http, token):
    session = ok(http.post("session", "token", token, form={"expiration": "3d", "clientip": "192.0.2.1"}))["session"]
    assert ok(http.get("session", session))["data"]["clientip"] == "192.0.2.1"


def test_post_session_of_a_name_of_its_own(http, profile, token):
    session = str(uuid.uuid4())
    assert ok(http.post("session", session, json={"email": profile["email"], "cookie": "a"}))["session"] == session
    assert ok(http.get("session", session))["data"] == {"email": profile["email"], "cookie": "a"}
    ok(http.post("session", session, json={"email": profile["email"], "cookie": "b"}))
    assert [row["data"]["cookie"] for row in ok(http.get("sessions", "token", token))["rows"]] == ["b"]
    ok(http.delete("session", session))
    refused(http.get("session", session), 404)


def test_sessions_are_listed_a_page_at_a_time(http, token):
    made = [ok(http.post("session", "token", token, json={"n": n}))["session"] for n in range(3)]
    pages = [ok(http.get("session", "token", token, offset=offset, limit=2)) for offset in (0, 2)]
    assert [page["total"] for page in pages] == [3, 3]
    assert sorted(row["session"] for page in pages for row in page["rows"]) == sorted(made)


def test_an_expired_session_is_gone(http, token):
    session = ok(http.post("session", "token", token, json={"expiration": "2s", "cookie": "a"}))["session"]
    ok(http.get("session", "session", session))
    eventually(lambda: http.get("session", "session", session).status_code == 404)
    refused(http.get("session", session), 404)
    assert ok(http.get("session", "token", token))["rows"] == []
    assert ok(http.get("sessions", "token", token))["total"] == 0


def test_session_errors(http, token):
    refused(http.post("session", "token", NOWHERE, json={"cookie": "a"}), 404)
    refused(http.post("session", "token", token, body="", headers={"content-type": "application/json"}), 400)
    assert "expiration" in refused(http.post("session", "token", token, json={"expiration": "soon"}), 400)
    refused(http.post("session", "shoe-size", "44", json={"cookie": "a"}), 400)
    refused(http.post("session", "x", json={"cookie": "a"}), 400)
    refused(http.get("session", "session", NOWHERE), 404)
    refused(http.get("session", "session", "x"), 400)
    refused(http.delete("session", NOWHERE), 404)
    refused(http.get("session", "token", NOWHERE), 404)


@pytest.mark.parametrize("mode", MODES)
def test_a_shared_record_is_read_without_a_key(http, anybody_http, profile, token, mode):
    body = ok(
        http.post(
            "sharedrecord",
            mode,
            identity(mode, token, profile),
            json={"fields": "first,email", "expiration": "1d", "partner": "acme"},
        )
    )
    assert ok(anybody_http.get("get", body["record"]))["data"] == {"first": "Ada", "email": profile["email"]}


def test_a_shared_record_of_application_data(http, anybody_http, token):
    ok(http.post("userapp", "token", token, "shipping", json={"city": "Berlin", "street": "Au 1"}))
    record = ok(http.post("sharedrecord", "token", token, json={"app": "shipping", "fields": "city"}))["record"]
    assert ok(anybody_http.get("get", record)) == {"status": "ok", "app": "shipping", "data": {"city": "Berlin"}}


def test_a_shared_record_of_a_session(http, anybody_http, token):
    session = ok(http.post("session", "token", token, json={"cookie": "a", "secret": "b"}))["session"]
    record = ok(http.post("sharedrecord", "token", token, form={"session": session, "fields": "cookie"}))["record"]
    assert ok(anybody_http.get("get", record)) == {"status": "ok", "session": session, "data": {"cookie": "a"}}


def test_a_shared_record_of_somebody_elses_session_is_refused(http, token):
    other = ok(http.post("user", json=person()))["token"]
    session = ok(http.post("session", "token", other, json={"cookie": "a"}))["session"]
    refused(http.post("sharedrecord", "token", token, json={"session": session}), 404)


def test_an_expired_shared_record_is_gone(http, anybody_http, token):
    record = ok(http.post("sharedrecord", "token", token, json={"fields": "first", "expiration": "2s"}))["record"]
    ok(anybody_http.get("get", record))
    eventually(lambda: anybody_http.get("get", record).status_code == 404)


def test_shared_record_errors(http, anybody_http, token):
    refused(http.post("sharedrecord", "token", NOWHERE, json={"fields": "first"}), 404)
    refused(http.post("sharedrecord", "token", "x", json={"fields": "first"}), 400)
    refused(http.post("sharedrecord", "token", token, json={"app": "nothing"}), 404)
    assert "expiration" in refused(http.post("sharedrecord", "token", token, json={"expiration": "soon"}), 400)
    refused(anybody_http.get("get", NOWHERE), 404)
    refused(anybody_http.get("get", "x"), 400)


@pytest.mark.parametrize("way", ["token", "mode"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_expiry_that_is_started_can_be_seen_and_cancelled(http, profile, token, way, method):
    who = [token] if way == "token" else ["email", profile["email"]]
    assert ok(http.get("exp", "status", *who))["expstatus"] == ""
    uuid.UUID(ok(http.post("exp", "start", *who, json={"expiration": "10d"}))["exptoken"])
    status = ok(http.get("exp", "status", *who))
    assert status["expstatus"] == "wait"
    assert abs(status["exptime"] - time.time() - 10 * 86_400) < 300
    ok(http.call(method, "v1", "exp", "cancel", *who))
    status = ok(http.get("exp", "status", *who))
    assert (status["expstatus"], status["exptime"]) == ("", 0)
    ok(http.get("user", "token", token))


def test_a_person_keeps_their_data_by_a_link(http, anybody_http, token):
    exptoken = ok(http.post("exp", "start", token))["exptoken"]
    ok(anybody_http.get("exp", "retain", exptoken))
    status = ok(http.get("exp", "status", token))
    assert (status["expstatus"], status["exptime"]) == ("retain", 0)
    refused(anybody_http.get("exp", "delete", exptoken), 404)
    ok(http.get("user", "token", token))


def test_a_person_deletes_their_data_by_a_link(http, anybody_http, profile, token):
    exptoken = ok(http.post("exp", "start", token))["exptoken"]
    ok(anybody_http.get("exp", "delete", exptoken))
    refused(http.get("user", "token", token), 404)
    refused(http.get("user", "email", profile["email"]), 404)
    refused(anybody_http.get("exp", "retain", exptoken), 404)


def test_only_asking_about_the_link_deletes_nothing(http, anybody_http, token):
    exptoken = ok(http.post("exp", "start", token))["exptoken"]
    for method in ("HEAD", "OPTIONS"):
        anybody_http.call(method, "v1", "exp", "delete", exptoken)
    ok(http.get("user", "token", token))


def test_a_person_is_erased_when_their_time_has_come(http, profile, token):
    ok(http.post("exp", "start", token, json={"expiration": "2s"}))
    eventually(lambda: http.get("user", "token", token).status_code == 404)
    refused(http.get("user", "email", profile["email"]), 404)


def test_expiry_errors(http, anybody_http, token):
    refused(http.post("exp", "start", NOWHERE), 404)
    refused(http.post("exp", "start", "x"), 400)
    assert "expiration" in refused(http.post("exp", "start", token, json={"expiration": "soon"}), 400)
    refused(http.get("exp", "status", NOWHERE), 404)
    refused(http.post("exp", "cancel", NOWHERE), 404)
    for what in ("retain", "delete"):
        refused(anybody_http.get("exp", what, NOWHERE), 404)
        refused(anybody_http.get("exp", what, "x"), 400)


@pytest.fixture
def own_http(vault, http, token):
    """The person whom `token` is of, with a token of their own."""
    xtoken = ok(http.v2("XTokenCreateForUser", mode="token", identity=token))["xtoken"]
    return Wire(vault.url, xtoken)


def test_what_a_person_changes_or_deletes_themselves_becomes_a_request(http, own_http, profile, token):
    changed = ok(own_http.put("user", "token", token, json={"first": "Augusta"}))
    deleted = ok(own_http.delete("user", "token", token))
    assert [body["result"] for body in (changed, deleted)] == ["request-created"] * 2
    assert ok(own_http.delete("user", "token", token)) == {
        "status": "ok",
        "result": "request-exists",
        "rtoken": deleted["rtoken"],
    }
    assert ok(http.get("user", "token", token))["data"] == profile
    listed = ok(http.get("requests", "token", token))
    assert listed["total"] == 2
    assert {row["rtoken"]: (row["action"], row["status"], row["token"]) for row in listed["rows"]} == {
        changed["rtoken"]: ("change-profile", "open", token),
        deleted["rtoken"]: ("forget-me", "open", token),
    }


def test_a_request_shows_what_is_and_what_is_wanted_and_is_approved_once(http, approver_http, own_http, profile, token):
    rtoken = ok(own_http.put("user", "token", token, json={"first": "Augusta"}))["rtoken"]
    body = ok(http.get("request", rtoken))
    assert (body["original"], body["change"]) == (profile, {"first": "Augusta"})
    refused(own_http.post("request", rtoken), 403)
    assert ok(approver_http.post("request", rtoken, json={"reason": "checked"}))["result"] == "done"
    assert ok(http.get("user", "token", token))["data"]["first"] == "Augusta"
    refused(approver_http.post("request", rtoken), 409)
    refused(approver_http.delete("request", rtoken), 409)


def test_a_request_that_is_cancelled_changes_nothing(http, approver_http, own_http, profile, token):
    rtoken = ok(own_http.delete("user", "token", token))["rtoken"]
    assert ok(approver_http.delete("request", rtoken, json={"reason": "not them"}))["result"] == "done"
    assert ok(http.get("user", "token", token))["data"] == profile
    refused(approver_http.post("request", rtoken), 409)


def test_open_requests_of_everybody_are_listed_newest_first(http, approver_http, own_http, token):
    rtoken = ok(own_http.delete("user", "token", token))["rtoken"]
    listed = ok(http.get("requests", limit=1))
    assert [row["rtoken"] for row in listed["rows"]] == [rtoken]
    ok(approver_http.delete("request", rtoken))
    assert rtoken not in [row["rtoken"] for row in ok(http.get("requests", limit=100))["rows"]]
    assert rtoken in [row["rtoken"] for row in ok(http.get("requests", status="canceled", limit=100))["rows"]]


def test_request_errors(http):
    for method in (http.get, http.post, http.delete):
        refused(method("request", NOWHERE), 404)
        refused(method("request", "x"), 400)
    refused(http.get("requests", "token", NOWHERE), 404)
    refused(http.get("requests", status="perhaps"), 400)
    refused(http.get("requests", limit="many"), 400)


def test_the_log_of_a_user_is_listed_and_an_event_read(http, profile, token):
    ok(http.get("user", "email", profile["email"]))
    ok(http.put("user", "token", token, json={"first": "Augusta"}))
    listed = ok(http.get("audit", "list", token, limit=100))
    assert listed["total"] == len(listed["rows"]) >= 3
    times = [row["when"] for row in listed["rows"]]
    assert times == sorted(times, reverse=True)
    assert all(row["record"] == token and row["status"] == "ok" and row["title"] for row in listed["rows"])
    event = ok(http.get("audit", "get", listed["rows"][0]["atoken"]))["event"]
    assert isinstance(event, dict)
    assert profile["email"] not in json.dumps(listed)


def test_the_log_of_a_user_who_never_was_is_empty(http):
    listed = ok(http.get("audit", "list", NOWHERE))
    assert (listed["total"], listed["rows"]) == (0, [])


def test_log_errors(http):
    refused(http.get("audit", "list", "x"), 400)
    refused(http.get("audit", "get", "x"), 400)
    refused(http.get("audit", "get", NOWHERE), 404)


def test_the_status_needs_no_key(anybody_http):
    answer = anybody_http.get("status")
    assert (answer.status_code, answer.text.strip()) == (200, "OK")


def test_the_metrics_are_prometheus_text_and_name_nobody(http, api, profile, token):
    answer = http.get("metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert api.parse_prometheus_metrics(answer.text)
    assert [value for value in (*profile.values(), token) if value in answer.text] == []


def test_the_database_is_not_given_away_as_text(http):
    refused(http.get("sys", "backup"), 501)


@pytest.mark.parametrize(
    "path",
    [
        ["nothing"],
        ["user", "email"],
        ["user", "a", "b", "c"],
        ["consents", "news"],
        ["prelogin", "email", "a", "b", "c"],
    ],
)
def test_an_unknown_path_is_not_found(http, path):
    refused(http.get(*path), 404)


@pytest.mark.parametrize(
    "method, path",
    [("PATCH", ["user", "token", NOWHERE]), ("GET", ["user"]), ("PUT", ["userapps"]), ("DELETE", ["requests"])],
)
def test_a_method_that_a_path_does_not_have_is_refused(http, method, path):
    refused(http.call(method, "v1", *path), 405)
