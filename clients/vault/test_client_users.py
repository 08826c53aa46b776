"""Users, through the unmodified client `databunkerpro`."""

import time

import pytest
from databunkerpro import DatabunkerproAPI

from people import name, person
from wire import bad, eventually, good

MODES = ["login", "email", "phone", "custom"]


@pytest.mark.parametrize("mode", MODES)
def test_a_created_user_is_found_by_each_identity(api, profile, mode):
    token = good(api.create_user(profile))["token"]
    found = good(api.get_user(mode, profile[mode]))
    assert (found["token"], found["profile"]) == (token, profile)


def test_a_created_user_is_found_by_token_with_all_that_is_said_of_a_record(api, profile):
    token = good(api.create_user(profile))["token"]
    found = good(api.get_user("token", token))
    assert found["profile"] == profile
    assert found["version"] == 1
    assert found["grouproles"] == []
    assert [found[time] for time in ("finaltime", "slidingtime", "expirationtime")] == [0, 0, 0]


def test_a_profile_comes_back_with_its_types_and_scripts(api):
    profile = person(
        age=34, ratio=0.5, big=9007199254740991, tags=["a", {"b": None}], name="Žofie 李", gone=None, yes=True
    )
    token = good(api.create_user(profile))["token"]
    assert good(api.get_user("token", token))["profile"] == profile


@pytest.mark.parametrize(
    "mode, written",
    [
        ("email", lambda value: f"  {value.upper()} "),
        ("phone", lambda value: f"{value[:3]} {value[3:5]} {value[5:9]}-{value[9:]}"),
        ("login", lambda value: f" {value} "),
    ],
)
def test_an_identity_is_found_however_it_is_written(api, profile, mode, written):
    token = good(api.create_user(profile))["token"]
    assert good(api.get_user(mode, written(profile[mode])))["token"] == token


@pytest.mark.parametrize("mode", ["login", "custom"])
def test_upper_and_lower_case_differ_in_names_that_people_choose(api, profile, mode):
    good(api.create_user(profile))
    bad(api.get_user(mode, profile[mode].upper()))


@pytest.mark.parametrize("mode", MODES)
def test_two_users_cannot_share_an_identity(api, profile, mode):
    good(api.create_user(profile))
    twin = person(**{mode: profile[mode]})
    assert bad(api.create_user(twin)) == f"Duplicate index: {mode}"
    other = "login" if mode != "login" else "email"
    bad(api.get_user(other, twin[other]))


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_user_is_not_found(api, mode):
    assert bad(api.get_user(mode, person()[mode])) == "The user record was not found"


def test_a_user_without_an_identity_is_found_by_token(api):
    token = good(api.create_user({"first": "Ada"}))["token"]
    assert good(api.get_user("token", token))["profile"] == {"first": "Ada"}


def test_an_update_merges_and_null_deletes(api):
    profile = person(address={"city": "Berlin", "zip": "10115"}, tags=["a"])
    good(api.create_user(profile))
    good(
        api.update_user(
            "login", profile["login"], {"address": {"zip": None, "street": "Au 1"}, "tags": ["b"], "last": None}
        )
    )
    found = good(api.get_user("login", profile["login"]))
    expected = {**profile, "address": {"city": "Berlin", "street": "Au 1"}, "tags": ["b"]}
    del expected["last"]
    assert (found["profile"], found["version"]) == (expected, 2)


def test_an_updated_identity_replaces_the_old_one(api, profile):
    token = good(api.create_user(profile))["token"]
    new = person()
    good(api.update_user("token", token, {"email": new["email"], "phone": None}))
    assert good(api.get_user("email", new["email"]))["token"] == token
    bad(api.get_user("email", profile["email"]))
    bad(api.get_user("phone", profile["phone"]))


def test_an_update_cannot_take_the_identity_of_another(api, profile):
    other = person()
    good(api.create_user(profile))
    good(api.create_user(other))
    assert (
        bad(api.update_user("login", other["login"], {"email": profile["email"], "first": "Eve"}))
        == "Duplicate index: email"
    )
    assert good(api.get_user("login", other["login"]))["profile"] == other


def test_a_patch_does_each_operation(api):
    profile = person(tags=["a", "b"], old=1)
    good(api.create_user(profile))
    patch = [
        {"op": "test", "path": "/first", "value": "Ada"},
        {"op": "replace", "path": "/first", "value": "Augusta"},
        {"op": "add", "path": "/tags/0", "value": "z"},
        {"op": "add", "path": "/a~1b", "value": {"c~d": 1}},
        {"op": "copy", "from": "/first", "path": "/second"},
        {"op": "move", "from": "/old", "path": "/new"},
        {"op": "remove", "path": "/last"},
    ]
    good(api.patch_user("email", profile["email"], patch))
    expected = {
        **profile,
        "first": "Augusta",
        "second": "Augusta",
        "tags": ["z", "a", "b"],
        "a/b": {"c~d": 1},
        "new": 1,
    }
    del expected["old"], expected["last"]
    assert good(api.get_user("email", profile["email"]))["profile"] == expected


@pytest.mark.parametrize(
    "last",
    [
        {"op": "test", "path": "/first", "value": "Eve"},
        {"op": "remove", "path": "/nothing"},
        {"op": "add", "path": "/tags/7", "value": 1},
        {"op": "frobnicate", "path": "/first"},
        {"op": "add", "path": "no-slash", "value": 1},
        {"op": "remove", "path": ""},
    ],
)
def test_a_patch_is_done_whole_or_not_at_all(api, last):
    profile = person(tags=["a"])
    good(api.create_user(profile))
    bad(api.patch_user("login", profile["login"], [{"op": "replace", "path": "/last", "value": "Changed"}, last]))
    found = good(api.get_user("login", profile["login"]))
    assert (found["profile"], found["version"]) == (profile, 1)


def test_every_version_is_kept_and_readable(api, profile):
    token = good(api.create_user(profile))["token"]
    good(api.update_user("token", token, {"first": "Augusta"}))
    good(api.patch_user("token", token, [{"op": "remove", "path": "/first"}]))
    versions = good(api.list_user_versions("token", token))["versions"]
    assert [row["version"] for row in versions] == [1, 2, 3]
    assert all(abs(row["optime"] - time.time()) < 300 and row["md5"] for row in versions)
    assert good(api.get_user("token", token, version=1))["profile"] == profile
    assert good(api.get_user("token", token, version=2))["profile"]["first"] == "Augusta"
    assert "first" not in good(api.get_user("token", token, version=3))["profile"]
    bad(api.get_user("token", token, version=4))


def test_a_version_does_not_show_the_profile_by_its_hash(api):
    first, second = good(api.create_user({"first": "Ada"})), good(api.create_user({"first": "Ada"}))
    hashes = [good(api.list_user_versions("token", user["token"]))["versions"][0]["md5"] for user in (first, second)]
    assert hashes[0] != hashes[1]


def test_a_deleted_user_is_gone(api, profile):
    token = good(api.create_user(profile))["token"]
    good(api.delete_user("email", profile["email"]))
    for mode in MODES:
        bad(api.get_user(mode, profile[mode]))
    bad(api.get_user("token", token))
    bad(api.delete_user("token", token))


@pytest.mark.parametrize("option", ["finaltime", "slidingtime"])
def test_an_expired_user_is_gone(api, profile, option):
    good(api.create_user(profile, {option: "2s"}))
    assert good(api.get_user("login", profile["login"]))["expirationtime"] > 0
    time.sleep(3)  # being looked at would lengthen a sliding time
    bad(api.get_user("login", profile["login"]))


def test_times_are_days_hours_months_years_or_a_moment(api):
    def lifetime(value):
        token = good(api.create_user(person(), {"finaltime": value}))["token"]
        return good(api.get_user("token", token))["finaltime"] - time.time()

    day = 86_400
    moment = int(time.time()) + 5 * day
    spans = {"90s": 90, "2h": 7_200, "3d": 3 * day, "1m": 31 * day, "1y": 365 * day, str(moment): 5 * day}
    for value, seconds in spans.items():
        assert abs(lifetime(value) - seconds) < 60, value


@pytest.mark.parametrize("value", ["soon", "-1d", "1x", "1.5d", "1000000001", "99999999999999999999d"])
def test_a_time_that_cannot_be_read_is_refused_by_name(api, profile, value):
    assert "finaltime" in bad(api.create_user(profile, {"finaltime": value}))
    bad(api.get_user("login", profile["login"]))


@pytest.mark.parametrize(
    "field, value", [("groupname", "staff"), ("groupname", 7), ("rolename", "nurse"), ("roleid", 7)]
)
def test_groups_and_roles_are_refused_rather_than_forgotten(api, profile, field, value):
    bad(api.create_user(profile, {field: value}))
    bad(api.get_user("login", profile["login"]))


def test_many_users_are_created_at_once(api):
    profiles = [person() for _ in range(20)]
    answer = good(
        api.create_users_bulk(
            [{"profile": profile} for profile in profiles], {"finaltime": "100d", "slidingtime": "30d"}
        )
    )
    assert [row["profile"] for row in answer["created"]] == profiles
    assert answer["summary"] == {"total": 20, "created": 20, "duplicates": 0, "errors": 0}
    for row in answer["created"]:
        found = good(api.get_user("token", row["token"]))
        assert found["profile"] == row["profile"]
        assert found["expirationtime"] < found["finaltime"]


def test_of_many_users_those_that_cannot_be_are_named_and_the_rest_created(api, profile):
    good(api.create_user(profile))
    fresh, twin = person(), person()
    records = [fresh, person(email=profile["email"]), twin, person(login=twin["login"]), {}]
    answer = good(api.create_users_bulk([{"profile": record} for record in records]))
    assert [row["profile"] for row in answer["created"]] == [fresh, twin]
    assert [(row["index"], row["message"]) for row in answer["duplicates"]] == [
        (1, "Duplicate index: email"),
        (3, "Duplicate index: login"),
    ]
    assert [row["index"] for row in answer["errors"]] == [4]
    assert answer["summary"] == {"total": 5, "created": 2, "duplicates": 2, "errors": 1}


def test_many_users_are_deleted_at_once(api):
    profiles = [person() for _ in range(3)]
    for profile in profiles:
        good(api.create_user(profile))
    users = [{"mode": "email", "identity": profile["email"]} for profile in profiles]
    answer = good(api.delete_users_bulk([*users, {"mode": "login", "identity": person()["login"]}]))
    assert answer["deleted_count"] == 3
    assert [row["index"] for row in answer["errors"]] == [3]
    for profile in profiles:
        bad(api.get_user("login", profile["login"]))


def test_an_update_that_is_asked_for_waits_for_approval(api, approver, profile):
    good(api.create_user(profile))
    uuid = good(api.request_user_update("login", profile["login"], {"first": "Augusta"}))["requestuuid"]
    assert good(api.get_user("login", profile["login"]))["profile"]["first"] == "Ada"
    request = good(api.get_user_request(uuid))["request"]
    assert (request["requestuuid"], request["requesttype"], request["status"]) == (uuid, "change-profile", "open")
    assert request["change"] == {"first": "Augusta"}
    good(approver.approve_user_request(uuid, {"reason": "checked"}))
    assert good(api.get_user("login", profile["login"]))["profile"]["first"] == "Augusta"
    assert good(api.get_user_request(uuid))["request"]["status"] == "approved"


def test_a_patch_that_is_asked_for_waits_for_approval(api, approver, profile):
    good(api.create_user(profile))
    uuid = good(api.request_user_patch("login", profile["login"], [{"op": "remove", "path": "/last"}]))["requestuuid"]
    assert "last" in good(api.get_user("login", profile["login"]))["profile"]
    good(approver.approve_user_request(uuid))
    assert "last" not in good(api.get_user("login", profile["login"]))["profile"]


def test_a_deletion_that_is_asked_for_waits_for_approval(api, approver, profile):
    good(api.create_user(profile))
    uuid = good(api.request_user_deletion("email", profile["email"]))["requestuuid"]
    assert good(api.request_user_deletion("email", profile["email"]))["requestuuid"] == uuid
    good(api.get_user("email", profile["email"]))
    good(approver.approve_user_request(uuid))
    bad(api.get_user("email", profile["email"]))


def test_a_closed_request_stays_closed(api, approver, profile):
    good(api.create_user(profile))
    uuid = good(api.request_user_deletion("email", profile["email"]))["requestuuid"]
    good(approver.cancel_user_request(uuid, {"reason": "not them"}))
    assert bad(approver.approve_user_request(uuid)) == "This user request is closed"
    assert bad(approver.cancel_user_request(uuid)) == "This user request is closed"
    request = good(api.get_user_request(uuid))["request"]
    assert (request["status"], request["reason"]) == ("canceled", "not them")
    good(api.get_user("email", profile["email"]))


def test_requests_of_a_user_are_listed_a_page_at_a_time(api, profile):
    good(api.create_user(profile))
    made = [good(api.request_user_update("login", profile["login"], {"n": n}))["requestuuid"] for n in range(3)]
    page = good(api.list_user_requests("login", profile["login"], 0, 2))
    rest = good(api.list_user_requests("login", profile["login"], 2, 2))
    assert (page["total"], rest["total"]) == (3, 3)
    assert [row["requestuuid"] for row in page["rows"] + rest["rows"]] == made[::-1]


def test_a_search_needs_an_approved_unlock_and_finds_by_each_identity(api, unlock, profile):
    token = good(api.create_user(profile))["token"]
    uuid = unlock()
    for mode in MODES:
        rows = good(api.search_user(profile[mode], uuid))["rows"]
        assert [(row["token"], row["profile"]) for row in rows] == [(token, profile)], mode


def test_a_search_finds_by_how_an_identity_begins(api, unlock):
    stem = name("stem")
    made = {good(api.create_user(person(login=f"{stem}-{n}")))["token"] for n in range(3)}
    rows = good(api.search_user(stem, unlock()))["rows"]
    assert {row["token"] for row in rows} == made


def test_a_search_that_finds_nobody_is_empty(api, unlock):
    assert good(api.search_user(person()["email"], unlock()))["rows"] == []


def test_a_person_with_a_token_of_their_own_reads_and_asks_but_does_not_change(api, vault, profile):
    token = good(api.create_user(profile))["token"]
    other = good(api.create_user(person()))["token"]
    answer = good(api.create_user_x_token("email", profile["email"], {"finaltime": "1h"}))
    assert answer["token"] == token
    own = DatabunkerproAPI(vault.url, answer["xtoken"], vault.tenant)
    assert good(own.get_user("token", token))["profile"] == profile
    bad(own.get_user("token", other))
    bad(own.delete_user("token", token))
    bad(own.update_user("token", token, {"first": "Eve"}))
    bad(own.patch_user("token", token, [{"op": "remove", "path": "/first"}]))
    bad(own.bulk_list_unlock())
    bad(own.create_user(person()))
    uuid = good(own.request_user_deletion("token", token))["requestuuid"]
    bad(own.approve_user_request(uuid))
    assert good(api.get_user("token", token))["profile"] == profile


def test_a_person_s_token_ends(api, vault, profile):
    good(api.create_user(profile))
    answer = good(api.create_user_x_token("email", profile["email"], {"finaltime": "3s"}))
    own = DatabunkerproAPI(vault.url, answer["xtoken"], vault.tenant)
    good(own.get_user("token", answer["token"]))
    eventually(lambda: own.get_user("token", answer["token"])["status"] == "error")


def test_what_is_said_about_a_call_changes_nothing(api, profile):
    good(api.create_user(profile, request_metadata={"environment": "test", "ticket_id": "T-1"}))
    assert good(api.get_user("login", profile["login"], request_metadata={"environment": "test"}))["profile"] == profile


def test_the_vault_counts_what_it_holds(api):
    before = good(api.get_system_stats())["stats"]
    good(api.create_user(person()))
    good(api.create_token("text", name("value")))
    after = good(api.get_system_stats())["stats"]
    assert (after["numusers"], after["numtokens"]) == (before["numusers"] + 1, before["numtokens"] + 1)
