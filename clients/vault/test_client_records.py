"""Application data, sessions and shared records, through the unmodified client `databunkerpro`."""

import time
import uuid

import pytest

from people import name, person
from wire import bad, eventually, good


def test_application_data_are_kept_apart_by_application(api, profile):
    good(api.create_user(profile))
    good(api.create_app_data("email", profile["email"], "billing", {"iban": "invented", "n": 1}))
    good(api.create_app_data("login", profile["login"], "shipping", {"city": "Berlin"}))
    assert good(api.get_app_data("phone", profile["phone"], "billing"))["appdata"] == {"iban": "invented", "n": 1}
    assert good(api.get_app_data("custom", profile["custom"], "shipping"))["appdata"] == {"city": "Berlin"}
    assert good(api.list_app_data_names("login", profile["login"]))["apps"] == ["billing", "shipping"]
    assert good(api.get_user("login", profile["login"]))["profile"] == profile


def test_application_data_are_merged_and_null_deletes(api, profile):
    good(api.create_user(profile))
    good(api.create_app_data("login", profile["login"], "billing", {"a": 1, "b": {"c": 2, "d": 3}}))
    good(api.update_app_data("login", profile["login"], "billing", {"a": None, "b": {"c": 4}}))
    assert good(api.get_app_data("login", profile["login"], "billing"))["appdata"] == {"b": {"c": 4, "d": 3}}


def test_application_data_created_again_replace_the_old(api, profile):
    good(api.create_user(profile))
    good(api.create_app_data("login", profile["login"], "billing", {"a": 1}))
    good(api.create_app_data("login", profile["login"], "billing", {"b": 2}))
    assert good(api.get_app_data("login", profile["login"], "billing"))["appdata"] == {"b": 2}


def test_every_version_of_application_data_is_listed(api, profile):
    good(api.create_user(profile))
    good(api.create_app_data("login", profile["login"], "game", {"score": 0}))
    for score in (1, 2):
        good(api.update_app_data("login", profile["login"], "game", {"score": score}))
    versions = good(api.list_app_data_versions("login", profile["login"], "game"))["versions"]
    assert [row["version"] for row in versions] == [1, 2, 3]
    assert all(row["md5"] and abs(row["optime"] - time.time()) < 300 for row in versions)


def test_deleted_application_data_are_gone(api, profile):
    good(api.create_user(profile))
    good(api.create_app_data("login", profile["login"], "billing", {"a": 1}))
    good(api.delete_app_data("login", profile["login"], "billing"))
    bad(api.get_app_data("login", profile["login"], "billing"))
    bad(api.update_app_data("login", profile["login"], "billing", {"a": 2}))
    bad(api.delete_app_data("login", profile["login"], "billing"))
    bad(api.list_app_data_versions("login", profile["login"], "billing"))
    assert good(api.list_app_data_names("login", profile["login"]))["apps"] == []


def test_applications_of_all_users_are_listed_once(api, profile):
    app = name("app")
    good(api.create_user(profile))
    other = person()
    good(api.create_user(other))
    for login in (profile["login"], other["login"]):
        good(api.create_app_data("login", login, app, {"a": 1}))
    assert good(api.list_app_names())["apps"].count(app) == 1


@pytest.mark.parametrize("app", ["", "9lives", "a b", "app!", "x" * 65, "../user"])
def test_a_bad_name_of_an_application_is_refused(api, profile, app):
    good(api.create_user(profile))
    bad(api.create_app_data("login", profile["login"], app, {"a": 1}))


def test_a_change_of_application_data_that_is_asked_for_waits_for_approval(api, approver, profile):
    good(api.create_user(profile))
    good(api.create_app_data("login", profile["login"], "billing", {"a": 1}))
    request = good(api.request_app_data_update("login", profile["login"], "billing", {"a": 2}))["requestuuid"]
    assert good(api.get_app_data("login", profile["login"], "billing"))["appdata"] == {"a": 1}
    good(approver.approve_user_request(request))
    assert good(api.get_app_data("login", profile["login"], "billing"))["appdata"] == {"a": 2}


def test_a_session_is_kept_and_replaced(api):
    session = str(uuid.uuid4())
    good(api.upsert_session(session, {"cookie": "a", "n": {"deep": [1]}}))
    assert good(api.get_session(session))["sessiondata"] == {"cookie": "a", "n": {"deep": [1]}}
    good(api.upsert_session(session, {"cookie": "b"}))
    assert good(api.get_session(session))["sessiondata"] == {"cookie": "b"}


def test_a_deleted_session_is_gone(api):
    session = str(uuid.uuid4())
    good(api.upsert_session(session, {"cookie": "a"}))
    good(api.delete_session(session))
    bad(api.get_session(session))
    bad(api.delete_session(session))


@pytest.mark.parametrize("mode", ["login", "email", "phone", "custom", "token"])
def test_a_session_belongs_to_the_user_whom_its_data_name(api, profile, mode):
    profile["token"] = good(api.create_user(dict(profile)))["token"]
    session = str(uuid.uuid4())
    data = {mode: profile[mode], "cookie": "a"}
    good(api.upsert_session(session, data, {"finaltime": "1h"}))
    rows = good(api.list_user_sessions("login", profile["login"]))["rows"]
    assert [(row["sessionuuid"], row["sessiondata"]) for row in rows] == [(session, data)]


def test_a_session_of_nobody_is_listed_for_nobody(api, profile):
    good(api.create_user(profile))
    session = str(uuid.uuid4())
    good(api.upsert_session(session, {"email": person()["email"]}))
    assert good(api.list_user_sessions("email", profile["email"]))["rows"] == []
    good(api.get_session(session))


@pytest.mark.parametrize("option", ["finaltime", "slidingtime"])
def test_an_expired_session_is_gone_from_its_address_and_from_lists(api, profile, option):
    good(api.create_user(profile))
    session = str(uuid.uuid4())
    good(api.upsert_session(session, {"email": profile["email"]}, {option: "2s"}))
    assert len(good(api.list_user_sessions("email", profile["email"]))["rows"]) == 1
    time.sleep(3.5)  # being looked at would lengthen a sliding time
    bad(api.get_session(session))
    assert good(api.list_user_sessions("email", profile["email"]))["rows"] == []


def test_a_used_session_slides(api):
    session = str(uuid.uuid4())
    good(api.upsert_session(session, {"cookie": "a"}, {"slidingtime": "4s"}))
    for _ in range(4):
        time.sleep(1.5)
        good(api.get_session(session))
    time.sleep(5.5)
    bad(api.get_session(session))


@pytest.mark.parametrize("session", ["", "not-a-uuid", "1234"])
def test_a_session_needs_a_uuid(api, session):
    bad(api.upsert_session(session, {"cookie": "a"}))
    bad(api.get_session(session))


def test_a_shared_record_shows_its_fields_and_no_other_to_anybody_who_has_it(api, anybody):
    profile = person(address={"city": "Berlin", "zip": "10115"})
    token = good(api.create_user(profile))["token"]
    uuids = set()
    for fields, shown in {
        "first": {"first": "Ada"},
        "first,email": {"first": "Ada", "email": profile["email"]},
        "address.city": {"address.city": "Berlin"},
        "token": {"token": token},
        "missing": {"missing": None},
    }.items():
        record = good(
            api.create_shared_record("token", token, {"fields": fields, "partner": "acme-billing", "finaltime": "1d"})
        )["recorduuid"]
        assert good(anybody.get_shared_record(record))["data"] == shown
        uuids.add(record)
    assert len(uuids) == 5


def test_a_shared_record_without_fields_shows_the_profile(api, anybody, profile):
    good(api.create_user(profile))
    record = good(api.create_shared_record("login", profile["login"]))["recorduuid"]
    assert good(anybody.get_shared_record(record))["data"] == profile


def test_a_shared_record_follows_the_profile(api, anybody, profile):
    good(api.create_user(profile))
    record = good(api.create_shared_record("login", profile["login"], {"fields": "first"}))["recorduuid"]
    good(api.update_user("login", profile["login"], {"first": "Augusta"}))
    assert good(anybody.get_shared_record(record))["data"] == {"first": "Augusta"}


def test_a_shared_record_shows_application_data(api, anybody, profile):
    good(api.create_user(profile))
    good(api.create_app_data("login", profile["login"], "shipping", {"city": "Berlin", "street": "Au 1"}))
    record = good(api.create_shared_record("login", profile["login"], {"appname": "shipping", "fields": "city"}))[
        "recorduuid"
    ]
    assert good(anybody.get_shared_record(record))["data"] == {"city": "Berlin"}
    bad(api.create_shared_record("login", profile["login"], {"appname": "nothing"}))


def test_an_expired_shared_record_is_gone(api, anybody, profile):
    good(api.create_user(profile))
    record = good(api.create_shared_record("login", profile["login"], {"fields": "first", "finaltime": "2s"}))[
        "recorduuid"
    ]
    good(anybody.get_shared_record(record))
    eventually(lambda: anybody.get_shared_record(record)["status"] == "error")


def test_an_unknown_shared_record_is_refused(anybody):
    bad(anybody.get_shared_record("00000000-0000-0000-0000-000000000000"))
    bad(anybody.get_shared_record("first"))


def test_having_a_shared_record_opens_nothing_else(api, anybody, profile):
    token = good(api.create_user(profile))["token"]
    good(api.create_shared_record("token", token))
    bad(anybody.get_user("token", token))
