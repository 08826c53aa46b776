"""An erased person is in no list, no index, no text of the log and no shared record."""

import json
import uuid

import pytest

from people import card_number, name, person
from wire import bad, good, ok, refused

WAYS = ["client", "v1", "request", "bulk", "link"]


@pytest.fixture(params=WAYS)
def erased(request, api, approver, http, anybody_http, basis):
    """A person with one of everything, and the same after one of the ways to be erased."""
    mark = uuid.uuid4().hex[:12]
    profile = person(note=f"canary-{mark}-profile")
    token = good(api.create_user(profile))["token"]
    good(api.update_user("token", token, {"note": f"canary-{mark}-second"}))
    good(api.create_app_data("token", token, "billing", {"iban": f"canary-{mark}-app"}))
    session = str(uuid.uuid4())
    good(api.upsert_session(session, {"email": profile["email"], "cookie": f"canary-{mark}-session"}))
    good(api.accept_agreement("email", profile["email"], basis, {"referencecode": f"canary-{mark}-agreement"}))
    good(api.request_user_update("token", token, {"note": f"canary-{mark}-request"}))
    owned = {"mode": "token", "identity": token}
    thing = {
        "mark": mark,
        "profile": profile,
        "token": token,
        "session": session,
        "records": [
            good(api.create_shared_record("token", token, {"fields": "note"}))["recorduuid"],
            good(api.create_shared_record("token", token, {"appname": "billing"}))["recorduuid"],
            ok(http.post("sharedrecord", "token", token, json={"session": session}))["record"],
        ],
        "value": good(api.create_token("creditcard", card_number(), owned)),
        "events": [row["auditeventuuid"] for row in good(api.list_user_audit_events("token", token, 0, 100))["rows"]],
    }
    exptoken = ok(http.post("exp", "start", token))["exptoken"]
    if request.param == "client":
        good(api.delete_user("email", profile["email"]))
    elif request.param == "v1":
        ok(http.delete("user", "phone", profile["phone"]))
    elif request.param == "request":
        good(approver.approve_user_request(good(api.request_user_deletion("login", profile["login"]))["requestuuid"]))
    elif request.param == "bulk":
        assert good(api.delete_users_bulk([{"mode": "custom", "identity": profile["custom"]}]))["deleted_count"] == 1
    else:
        ok(anybody_http.get("exp", "delete", exptoken))
    return {**thing, "exptoken": exptoken}


def traces(erased):
    profile = erased["profile"]
    return [
        profile["login"],
        profile["email"],
        profile["phone"],
        profile["custom"],
        profile["last"],
        f"canary-{erased['mark']}",
    ]


def test_an_erased_person_is_nowhere(erased, api, anybody, http, anybody_http, unlock):
    profile, token = erased["profile"], erased["token"]
    for mode in ("login", "email", "phone", "custom"):
        bad(api.get_user(mode, profile[mode]))
        refused(http.get("user", mode, profile[mode]), 404)
    bad(api.get_user("token", token))
    bad(api.get_user("token", token, version=1))
    bad(api.list_user_versions("token", token))
    bad(api.get_app_data("token", token, "billing"))
    bad(api.list_app_data_names("token", token))
    bad(api.get_session(erased["session"]))
    bad(api.list_user_sessions("token", token))
    bad(api.list_user_agreements("token", token))
    bad(api.list_user_requests("token", token))
    bad(api.list_user_audit_events("token", token))
    bad(api.get_token(erased["value"]["tokenuuid"]))
    bad(api.get_token(erased["value"]["tokenbase"]))
    for record in erased["records"]:
        bad(anybody.get_shared_record(record))
        refused(anybody_http.get("get", record), 404)
    refused(anybody_http.get("exp", "retain", erased["exptoken"]), 404)

    key = unlock()
    for mode in ("login", "email", "phone", "custom"):
        assert good(api.search_user(profile[mode], key))["rows"] == []
    wanted = [{"mode": mode, "identity": profile[mode]} for mode in ("login", "email", "phone", "custom")]
    assert good(api.bulk_list_users(key, wanted))["rows"] == []

    total = good(api.bulk_list_all_users(key, 0, 1))["total"]
    pages = [good(api.bulk_list_all_users(key, offset, 100)) for offset in range(0, total, 100)]
    pages.append(ok(http.get("audit", "list", token, limit=100)))
    for listing in (api.bulk_list_all_audit_events, api.bulk_list_all_user_requests):
        pages.append(good(listing(key, 0, 100)))
    pages += [http.get("audit", "get", event).json() for event in erased["events"]]
    pages += [api.get_audit_event(event) for event in erased["events"]]
    text = json.dumps(pages, ensure_ascii=False)
    assert [trace for trace in traces(erased) if trace in text] == []


def test_the_log_keeps_that_it_happened_without_saying_to_whom(erased, api, unlock):
    rows = good(api.bulk_list_all_audit_events(unlock(), 0, 100))["rows"]
    assert erased["token"] not in json.dumps(rows)
    assert "UserCreate" in {row["eventtype"] for row in rows}


def test_an_open_request_of_an_erased_person_cannot_be_approved(api, approver, http):
    profile = person()
    token = good(api.create_user(profile))["token"]
    uuid_ = good(api.request_user_update("token", token, {"first": "Eve"}))["requestuuid"]
    good(api.delete_user("token", token))
    bad(approver.approve_user_request(uuid_))
    refused(http.get("request", uuid_), 404)


def test_an_erased_person_may_come_back_by_themselves_as_somebody_new(api):
    profile = person()
    first = good(api.create_user(profile))["token"]
    good(api.delete_user("token", first))
    second = good(api.create_user(profile))["token"]
    assert second != first
    found = good(api.get_user("email", profile["email"]))
    assert (found["token"], found["version"]) == (second, 1)
    bad(api.get_user("token", first))


def test_an_erased_person_does_not_come_back_by_import(api):
    profile, other = person(), person()
    good(api.delete_user("token", good(api.create_user(profile))["token"]))
    answer = good(api.create_users_bulk([{"profile": profile}, {"profile": other}]))
    assert [row["profile"] for row in answer["created"]] == [other]
    assert [row["index"] for row in answer["errors"]] == [0]
    assert profile["email"] not in json.dumps(answer["errors"])
    bad(api.get_user("email", profile["email"]))


def test_the_consent_of_an_erased_person_counts_for_nobody_else(api, basis):
    profile = person()
    good(api.create_user(profile))
    good(api.accept_agreement("email", profile["email"], basis, {}))
    good(api.delete_user("email", profile["email"]))
    good(api.create_user(profile))
    assert good(api.list_user_agreements("email", profile["email"]))["rows"] == []


def test_erasing_one_person_leaves_the_others(api, basis):
    gone, stays = person(), person(last=name("Other"))
    for profile in (gone, stays):
        good(api.create_user(profile))
        good(api.create_app_data("email", profile["email"], "billing", {"a": profile["last"]}))
        good(api.accept_agreement("email", profile["email"], basis, {}))
    good(api.delete_user("email", gone["email"]))
    assert good(api.get_user("login", stays["login"]))["profile"] == stays
    assert good(api.get_app_data("login", stays["login"], "billing"))["appdata"] == {"a": stays["last"]}
    assert [row["brief"] for row in good(api.list_user_agreements("login", stays["login"]))["rows"]] == [basis]
