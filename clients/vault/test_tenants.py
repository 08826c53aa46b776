"""Another tenant's ids answer, to the letter, as ids that never were."""

import uuid
from dataclasses import dataclass

import pytest

from people import card_number, name, person
from wire import Wire, bad, good, ok


@dataclass
class Ids:
    """One of everything."""

    token: str
    profile: dict
    basis: str
    activity: str
    app: str
    session: str
    record: str
    exptoken: str
    request: str
    atoken: str
    value: str
    base: str
    unlock: str


def fresh_ids():
    """Ids in the right forms, of things that never were."""
    ids = [str(uuid.uuid4()) for _ in range(9)]
    return Ids(ids[0], person(), name("basis-"), name("act-"), name("app"), *ids[1:7], card_number(), ids[8])


@pytest.fixture(scope="module")
def theirs(vault, http, api):
    """One of everything, in the tenant of `http`."""
    profile, basis, activity, app, session = person(), name("basis-"), name("act-"), name("app"), str(uuid.uuid4())
    token = ok(http.post("user", json=profile))["token"]
    ok(http.post("lbasis", basis, json={"shortdesc": "news"}))
    ok(http.post("pactivity", activity, json={"title": "news"}))
    ok(http.post("pactivity", activity, basis))
    ok(http.post("userapp", "token", token, app, json={"a": 1}))
    ok(http.post("session", session, json={"email": profile["email"]}))
    ok(http.post("agreement", basis, "token", token))
    value = good(api.create_token("creditcard", card_number()))
    unlock = good(api.bulk_list_unlock())["unlockuuid"]
    vault.approve(unlock)
    return Ids(
        token=token,
        profile=profile,
        basis=basis,
        activity=activity,
        app=app,
        session=session,
        record=ok(http.post("sharedrecord", "token", token, json={"fields": "first"}))["record"],
        exptoken=ok(http.post("exp", "start", token, json={"expiration": "10d"}))["exptoken"],
        request=ok(http.v2("UserDeleteRequest", mode="token", identity=token))["requestuuid"],
        atoken=ok(http.get("audit", "list", token))["rows"][0]["atoken"],
        value=value["tokenuuid"],
        base=value["tokenbase"],
        unlock=unlock,
    )


def v1_calls(ids):
    """Each route of `/v1` that takes an id, in an order in which none that works would hide the next."""
    yield from (("GET", ["user", mode, ids.profile[mode]], None) for mode in ("login", "email", "phone", "custom"))
    yield from [
        ("GET", ["user", "token", ids.token], None),
        ("PUT", ["user", "token", ids.token], {"first": "Eve"}),
        ("GET", ["userapp", "token", ids.token], None),
        ("POST", ["userapp", "token", ids.token, ids.app], {"a": 2}),
        ("GET", ["userapp", "token", ids.token, ids.app], None),
        ("PUT", ["userapp", "token", ids.token, ids.app], {"a": 2}),
        ("POST", ["session", "token", ids.token], {"a": 2}),
        ("GET", ["session", "token", ids.token], None),
        ("GET", ["sessions", "token", ids.token], None),
        ("GET", ["session", "session", ids.session], None),
        ("GET", ["session", ids.session], None),
        ("POST", ["sharedrecord", "token", ids.token], {"fields": "first"}),
        ("GET", ["get", ids.record], None),
        ("GET", ["agreement", ids.basis, "token", ids.token], None),
        ("POST", ["agreement", ids.basis, "token", ids.token], {"status": "no"}),
        ("GET", ["agreements", "token", ids.token], None),
        ("GET", ["consent", "token", ids.token], None),
        ("GET", ["consent", "token", ids.token, ids.basis], None),
        ("POST", ["consent", "token", ids.token, ids.basis], {"status": "cancel"}),
        ("POST", ["pactivity", ids.activity, ids.basis], None),
        ("GET", ["exp", "status", ids.token], None),
        ("POST", ["exp", "start", ids.token], None),
        ("POST", ["exp", "cancel", ids.token], None),
        ("GET", ["exp", "retain", ids.exptoken], None),
        ("GET", ["request", ids.request], None),
        ("POST", ["request", ids.request], None),
        ("GET", ["requests", "token", ids.token], None),
        ("GET", ["audit", "list", ids.token], None),
        ("GET", ["audit", "get", ids.atoken], None),
        ("DELETE", ["request", ids.request], None),
        ("DELETE", ["consent", "token", ids.token, ids.basis], None),
        ("DELETE", ["agreement", ids.basis, "token", ids.token], None),
        ("DELETE", ["agreement", ids.basis], None),
        ("DELETE", ["pactivity", ids.activity, ids.basis], None),
        ("DELETE", ["pactivity", ids.activity], None),
        ("DELETE", ["lbasis", ids.basis], None),
        ("DELETE", ["session", ids.session], None),
        ("DELETE", ["userapp", "token", ids.token, ids.app], None),
        ("GET", ["exp", "delete", ids.exptoken], None),
        ("DELETE", ["user", "token", ids.token], None),
    ]


def v2_calls(ids):
    """Each call of `/v2` that takes an id."""
    who = {"mode": "token", "identity": ids.token}
    change = {"profile": {"first": "Eve"}}
    patch = {"patch": [{"op": "add", "path": "/first", "value": "Eve"}]}
    app = {**who, "appname": ids.app}
    basis = {"brief": ids.basis}
    linked = {"activity": ids.activity, **basis}
    users = {"users": [who]}
    opened = {"unlockuuid": ids.unlock}
    for mode in ("login", "email", "phone", "custom"):
        yield "UserGet", {"mode": mode, "identity": ids.profile[mode]}
    yield from [
        ("UserGet", who),
        ("UserListVersions", who),
        ("UserUpdate", {**who, **change}),
        ("UserPatch", {**who, **patch}),
        ("UserUpdateRequest", {**who, **change}),
        ("UserPatchRequest", {**who, **patch}),
        ("UserDeleteRequest", who),
        ("UserRequestListUserRequests", who),
        ("UserRequestGet", {"requestuuid": ids.request}),
        ("UserRequestApprove", {"requestuuid": ids.request}),
        ("UserRequestCancel", {"requestuuid": ids.request}),
        ("XTokenCreateForUser", who),
        ("UserSearch", {"identity": ids.profile["email"], **opened}),
        ("BulkListUsers", {**opened, **users}),
        ("BulkListAllUsers", opened),
        ("BulkListAllUserRequests", opened),
        ("BulkListAllAuditEvents", opened),
        ("BulkListTokens", {**opened, "tokens": [ids.value, ids.base]}),
        ("BulkDeleteTokens", {**opened, "tokens": [ids.value, ids.base]}),
        ("TokenGet", {"token": ids.value}),
        ("TokenGet", {"token": ids.base}),
        ("TokenDelete", {"token": ids.value}),
        ("TokenDelete", {"token": ids.base}),
        ("TokenCreate", {"tokentype": "text", "record": "x", **who}),
        ("AppdataListUserAppNames", who),
        ("AppdataCreate", {**app, "appdata": {"a": 2}}),
        ("AppdataGet", app),
        ("AppdataUpdate", {**app, "appdata": {"a": 2}}),
        ("AppdataUpdateRequest", {**app, "appdata": {"a": 2}}),
        ("AppdataListVersions", app),
        ("AppdataDelete", app),
        ("SessionGet", {"sessionuuid": ids.session}),
        ("SessionListUserSessions", who),
        ("SessionDelete", {"sessionuuid": ids.session}),
        ("SharedRecordCreate", who),
        ("SharedRecordGet", {"recorduuid": ids.record}),
        ("LegalBasisUpdate", {**basis, "shortdesc": "stolen"}),
        ("AgreementAccept", {**who, **basis}),
        ("AgreementGet", {**who, **basis}),
        ("AgreementListUserAgreements", who),
        ("AgreementCancel", {**who, **basis}),
        ("AgreementCancelRequest", {**who, **basis}),
        ("AgreementRevokeAll", basis),
        ("ProcessingActivityUpdate", {"activity": ids.activity, "title": "stolen"}),
        ("ProcessingActivityLinkLegalBasis", linked),
        ("ProcessingActivityUnlinkLegalBasis", linked),
        ("ProcessingActivityDelete", {"activity": ids.activity}),
        ("LegalBasisDelete", basis),
        ("AuditListUserEvents", who),
        ("AuditGetEvent", {"auditeventuuid": ids.atoken}),
        ("UserDelete", who),
    ]


def answers_v1(wire, ids):
    said = ((method, path, wire.call(method, "v1", *path, json=body)) for method, path, body in v1_calls(ids))
    return [(method, path[0], answer.status_code, answer.text) for method, path, answer in said]


def answers_v2(wire, ids):
    return [
        (call, answer.status_code, answer.text) for call, body in v2_calls(ids) for answer in [wire.v2(call, **body)]
    ]


def test_lists_hold_nothing_of_another_tenant(stranger, stranger_http, theirs):
    listed = [
        ok(stranger_http.get("lbasis")),
        ok(stranger_http.get("pactivity")),
        ok(stranger_http.get("userapps")),
        ok(stranger_http.get("requests", limit=100)),
        good(stranger.list_agreements()),
        good(stranger.list_processing_activities()),
        good(stranger.list_app_names()),
    ]
    text = str(listed)
    assert [
        value for value in (theirs.token, theirs.basis, theirs.activity, theirs.app, theirs.request) if value in text
    ] == []


def test_v1_says_of_another_tenant_s_ids_what_it_says_of_ids_that_never_were(stranger_http, theirs):
    told = answers_v1(stranger_http, theirs)
    assert told == answers_v1(stranger_http, fresh_ids())
    assert [row for row in told if row[2] == 200 and row[1] != "audit"] == []


def test_v2_says_of_another_tenant_s_ids_what_it_says_of_ids_that_never_were(stranger_http, theirs):
    told = answers_v2(stranger_http, theirs)
    assert told == answers_v2(stranger_http, fresh_ids())
    assert [row for row in told if row[1] == 200] == []


def test_a_shared_record_is_read_under_its_own_tenant_only(vault, theirs):
    assert Wire(vault.url, tenant=vault.other_tenant).get("get", theirs.record).status_code == 404
    assert Wire(vault.url).get("get", theirs.record).status_code == 404
    ok(Wire(vault.url, tenant=vault.tenant).get("get", theirs.record))


def test_after_all_that_everything_is_as_it_was(http, stranger_http, api, theirs):
    answers_v1(stranger_http, theirs)
    answers_v2(stranger_http, theirs)
    assert ok(http.get("user", "token", theirs.token))["data"] == theirs.profile
    assert ok(http.get("userapp", "token", theirs.token, theirs.app))["data"] == {"a": 1}
    assert ok(http.get("session", theirs.session))["data"] == {"email": theirs.profile["email"]}
    assert ok(http.get("agreement", theirs.basis, "token", theirs.token))["data"]["status"] == "yes"
    assert ok(http.get("exp", "status", theirs.token))["expstatus"] == "wait"
    assert ok(http.v2("UserRequestGet", requestuuid=theirs.request))["request"]["status"] == "open"
    assert [row["legalbasis"] for row in ok(http.get("pactivity"))["rows"] if row["activity"] == theirs.activity] == [
        theirs.basis
    ]
    good(api.get_token(theirs.value))
    good(api.get_shared_record(theirs.record))


def test_two_tenants_may_know_one_person(api, stranger):
    profile = person()
    ours = good(api.create_user(profile))["token"]
    other = good(stranger.create_user(profile))["token"]
    assert ours != other
    good(api.delete_user("email", profile["email"]))
    assert good(stranger.get_user("email", profile["email"]))["profile"] == profile
    bad(api.get_user("email", profile["email"]))


def test_two_tenants_may_choose_one_name(api, stranger):
    session, brief, activity = str(uuid.uuid4()), name("basis-"), name("act-")
    for who, cookie in ((api, "ours"), (stranger, "theirs")):
        good(who.upsert_session(session, {"cookie": cookie}))
        good(who.create_legal_basis({"brief": brief, "shortdesc": cookie}))
        good(who.create_processing_activity({"activity": activity, "title": cookie}))
    assert good(api.get_session(session))["sessiondata"] == {"cookie": "ours"}
    good(stranger.delete_session(session))
    good(stranger.delete_legal_basis(brief))
    good(api.get_session(session))
    assert [row["shortdesc"] for row in good(api.list_agreements())["rows"] if row["brief"] == brief] == ["ours"]


def test_the_same_value_has_another_token_in_another_tenant(api, stranger):
    card = card_number()
    ours = good(api.create_token("creditcard", card, {"unique": True}))
    other = good(stranger.create_token("creditcard", card, {"unique": True}))
    assert ours["tokenuuid"] != other["tokenuuid"] and ours["tokenbase"] != other["tokenbase"]
    bad(stranger.get_token(ours["tokenuuid"]))
    bad(stranger.get_token(ours["tokenbase"]))
