"""Reading in bulk and reading the log, through the unmodified client `databunkerpro`."""

import json
import uuid

import pytest
from databunkerpro import DatabunkerproAPI

from people import name, person
from wire import bad, good

CLOSED = "The unlockuuid value was not found or is not valid"


def reads(api):
    """Every call that an unlock opens."""
    return {
        "BulkListUsers": lambda key: api.bulk_list_users(key, [{"mode": "email", "identity": "a@example.org"}]),
        "BulkListAllUsers": api.bulk_list_all_users,
        "BulkListAllUserRequests": api.bulk_list_all_user_requests,
        "BulkListAllAuditEvents": api.bulk_list_all_audit_events,
        "BulkListTokens": lambda key: api.bulk_list_tokens(key, []),
        "BulkDeleteTokens": lambda key: api.bulk_delete_tokens(key, []),
        "UserSearch": lambda key: api.search_user("a@example.org", key),
    }


CALLS = sorted(reads(DatabunkerproAPI("")))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("key", ["00000000-0000-0000-0000-000000000000", "", "x"])
def test_nothing_is_read_in_bulk_without_an_unlock(api, call, key):
    bad(reads(api)[call](key))


@pytest.mark.parametrize("call", CALLS)
def test_an_unlock_that_nobody_else_approved_opens_nothing(api, call):
    assert bad(reads(api)[call](good(api.bulk_list_unlock())["unlockuuid"])) == CLOSED


@pytest.mark.parametrize("call", CALLS)
def test_an_approved_unlock_opens(api, unlock, call):
    good(reads(api)[call](unlock()))


@pytest.mark.parametrize("call", CALLS)
def test_an_unlock_opens_for_whom_it_was_made_only(api, approver, stranger, unlock, call):
    key = unlock()
    assert bad(reads(approver)[call](key)) == CLOSED
    assert bad(reads(stranger)[call](key)) == CLOSED
    good(reads(api)[call](key))


def test_an_unlock_is_a_uuid_and_new_each_time(api):
    keys = {good(api.bulk_list_unlock())["unlockuuid"] for _ in range(3)}
    assert len({uuid.UUID(key) for key in keys}) == 3


def test_named_users_are_read_all_together(api, unlock):
    profiles = {profile["custom"]: profile for profile in (person() for _ in range(12))}
    made = good(api.create_users_bulk([{"profile": profile} for profile in profiles.values()]))["created"]
    wanted = [{"mode": "custom", "identity": custom} for custom in profiles]
    answer = good(api.bulk_list_users(unlock(), [*wanted, {"mode": "custom", "identity": person()["custom"]}]))
    assert answer["total"] == len(answer["rows"]) == 12
    assert {row["profile"]["custom"]: row["token"] for row in answer["rows"]} == {
        row["profile"]["custom"]: row["token"] for row in made
    }
    assert all(row["profile"] == profiles[row["profile"]["custom"]] and row["version"] == 1 for row in answer["rows"])


def test_all_users_are_read_a_page_at_a_time(api, unlock):
    made = {row["token"] for row in good(api.create_users_bulk([{"profile": person()} for _ in range(3)]))["created"]}
    key = unlock()
    total = good(api.bulk_list_all_users(key, 0, 1))["total"]
    seen = []
    for offset in range(0, total, 100):
        seen += [row["token"] for row in good(api.bulk_list_all_users(key, offset, 100))["rows"]]
    assert len(seen) == len(set(seen)) == total
    assert made <= set(seen)


@pytest.mark.parametrize("limit, rows", [(2, 2), (0, 100), (-1, 100), (101, 100), (100, 100)])
def test_a_page_has_at_most_a_hundred_rows(api, unlock, limit, rows):
    good(api.create_users_bulk([{"profile": person()} for _ in range(101)]))
    answer = good(api.bulk_list_all_users(unlock(), 0, limit))
    assert len(answer["rows"]) == rows and answer["total"] > 100


def test_a_page_past_the_end_is_empty(api, unlock):
    answer = good(api.bulk_list_all_users(unlock(), 10_000_000, 10))
    assert answer["rows"] == []


def test_all_requests_are_listed(api, unlock, profile):
    token = good(api.create_user(profile))["token"]
    request = good(api.request_user_deletion("token", token))["requestuuid"]
    row = good(api.bulk_list_all_user_requests(unlock(), 0, 1))["rows"][0]
    assert (row["requestuuid"], row["requesttype"], row["status"], row["token"]) == (
        request,
        "forget-me",
        "open",
        token,
    )


def test_what_was_done_with_a_user_is_in_the_log_newest_first(api, profile):
    token = good(api.create_user(profile))["token"]
    good(api.get_user("email", profile["email"]))
    good(api.update_user("login", profile["login"], {"first": "Augusta"}))
    bad(api.patch_user("login", profile["login"], [{"op": "remove", "path": "/nothing"}]))
    answer = good(api.list_user_audit_events("token", token, 0, 100))
    # Whether reading the log is in the log, too, is not asked here.
    done = [(row["eventtype"], row["status"]) for row in answer["rows"] if row["eventtype"] != "AuditListUserEvents"]
    assert done == [("UserPatch", "error"), ("UserUpdate", "ok"), ("UserGet", "ok"), ("UserCreate", "ok")]
    assert answer["total"] == len(answer["rows"])
    assert all(
        row["record"] == token and row["title"] and row["timestamp"] and row["auditeventuuid"] for row in answer["rows"]
    )


def test_the_log_of_a_user_is_listed_a_page_at_a_time(api, profile):
    good(api.create_user(profile))
    for first in ("Augusta", "Byron", "Ada"):
        good(api.update_user("login", profile["login"], {"first": first}))
    first = good(api.list_user_audit_events("login", profile["login"], 0, 2))
    assert len(first["rows"]) == 2 and first["total"] >= 4
    rest = good(api.list_user_audit_events("login", profile["login"], 1, 100))
    assert len(rest["rows"]) == rest["total"] - 1
    assert rest["rows"][-1]["eventtype"] == "UserCreate"
    assert good(api.list_user_audit_events("login", profile["login"], 1000, 2))["rows"] == []


def test_one_event_is_read_by_its_uuid(api, profile):
    token = good(api.create_user(profile))["token"]
    row = good(api.list_user_audit_events("token", token))["rows"][-1]
    event = good(api.get_audit_event(row["auditeventuuid"]))
    assert (event["eventtype"], event["timestamp"]) == ("UserCreate", row["timestamp"])
    assert isinstance(event["details"], dict)
    bad(api.get_audit_event("00000000-0000-0000-0000-000000000000"))
    bad(api.get_audit_event("x"))


def test_the_log_of_everybody_names_no_personal_value(api, unlock, profile):
    token = good(api.create_user(profile))["token"]
    good(api.get_user("email", profile["email"]))
    good(api.update_user("phone", profile["phone"], {"note": profile["last"] * 2}))
    bad(api.get_user("login", profile["login"] + profile["last"]))
    good(api.search_user(profile["custom"], unlock()))
    answer = good(api.bulk_list_all_audit_events(unlock(), 0, 100))
    assert [row for row in answer["rows"] if row.get("record") == token]
    text = json.dumps(answer, ensure_ascii=False)
    assert [value for value in profile.values() if len(value) > 4 and value in text] == []


def test_a_failed_look_for_a_stranger_is_in_the_log_too(api, unlock):
    key = unlock()
    before = good(api.bulk_list_all_audit_events(key, 0, 1))["total"]
    bad(api.get_user("email", person()["email"]))
    rows = good(api.bulk_list_all_audit_events(key, 0, 10))["rows"]
    assert good(api.bulk_list_all_audit_events(key, 0, 1))["total"] > before
    assert ("UserGet", "error") in [(row["eventtype"], row["status"]) for row in rows]


def test_a_bulk_read_and_its_approval_are_in_the_log(api, unlock):
    key = unlock()
    good(api.bulk_list_all_users(key, 0, 1))
    rows = good(api.bulk_list_all_audit_events(key, 0, 20))["rows"]
    assert {"BulkListUnlock", "BulkListAllUsers"} <= {row["eventtype"] for row in rows}


def test_what_is_shared_is_in_the_log_of_the_user_with_its_partner(api, anybody, profile):
    token = good(api.create_user(profile))["token"]
    partner = name("partner-")
    record = good(api.create_shared_record("token", token, {"fields": "first", "partner": partner}))["recorduuid"]
    good(anybody.get_shared_record(record))
    rows = good(api.list_user_audit_events("token", token, 0, 100))["rows"]
    assert [row["eventtype"] for row in rows[:2]] == ["SharedRecordGet", "SharedRecordCreate"]
    assert partner in json.dumps(rows[0])
