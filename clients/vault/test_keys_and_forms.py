"""Who may call at all, and the forms of what goes in and comes out, over plain HTTP."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from people import NOWHERE, name, person
from wire import Wire, ok, refused

V1 = [
    ("POST", ["user"]),
    ("GET", ["user", "token", NOWHERE]),
    ("PUT", ["user", "token", NOWHERE]),
    ("DELETE", ["user", "token", NOWHERE]),
    ("POST", ["userapp", "token", NOWHERE, "app"]),
    ("GET", ["userapp", "token", NOWHERE, "app"]),
    ("PUT", ["userapp", "token", NOWHERE, "app"]),
    ("DELETE", ["userapp", "token", NOWHERE, "app"]),
    ("GET", ["userapp", "token", NOWHERE]),
    ("GET", ["userapps"]),
    ("POST", ["session", "token", NOWHERE]),
    ("GET", ["session", "token", NOWHERE]),
    ("GET", ["session", "session", NOWHERE]),
    ("DELETE", ["session", "session", NOWHERE]),
    ("POST", ["session", NOWHERE]),
    ("GET", ["session", NOWHERE]),
    ("DELETE", ["session", NOWHERE]),
    ("GET", ["sessions", "token", NOWHERE]),
    ("POST", ["sharedrecord", "token", NOWHERE]),
    ("POST", ["consent", "token", NOWHERE, "news"]),
    ("GET", ["consent", "token", NOWHERE, "news"]),
    ("DELETE", ["consent", "token", NOWHERE, "news"]),
    ("GET", ["consent", "token", NOWHERE]),
    ("GET", ["lbasis"]),
    ("POST", ["lbasis", "news"]),
    ("DELETE", ["lbasis", "news"]),
    ("GET", ["agreement", "news", "token", NOWHERE]),
    ("POST", ["agreement", "news", "token", NOWHERE]),
    ("DELETE", ["agreement", "news", "token", NOWHERE]),
    ("DELETE", ["agreement", "news"]),
    ("GET", ["agreements", "token", NOWHERE]),
    ("GET", ["pactivity"]),
    ("POST", ["pactivity", "news"]),
    ("DELETE", ["pactivity", "news"]),
    ("POST", ["pactivity", "news", "news"]),
    ("DELETE", ["pactivity", "news", "news"]),
    ("POST", ["exp", "start", NOWHERE]),
    ("POST", ["exp", "start", "token", NOWHERE]),
    ("GET", ["exp", "status", NOWHERE]),
    ("GET", ["exp", "status", "token", NOWHERE]),
    ("POST", ["exp", "cancel", NOWHERE]),
    ("DELETE", ["exp", "cancel", "token", NOWHERE]),
    ("GET", ["request", NOWHERE]),
    ("POST", ["request", NOWHERE]),
    ("DELETE", ["request", NOWHERE]),
    ("GET", ["requests", "token", NOWHERE]),
    ("GET", ["requests"]),
    ("GET", ["audit", "list", NOWHERE]),
    ("GET", ["audit", "get", NOWHERE]),
    ("GET", ["sys", "backup"]),
]

V2 = """
UserCreate UserCreateBulk UserGet UserUpdate UserPatch UserDelete UserDeleteBulk UserSearch UserListVersions
UserDeleteRequest UserUpdateRequest UserPatchRequest UserRequestGet UserRequestListUserRequests UserRequestCancel
UserRequestApprove XTokenCreateForUser TokenCreate TokenCreateBulk TokenGet TokenDelete AppdataCreate AppdataGet
AppdataUpdate AppdataUpdateRequest AppdataListUserAppNames AppdataListAppNames AppdataListVersions AppdataDelete
SessionUpsert SessionGet SessionDelete SessionListUserSessions SharedRecordCreate LegalBasisCreate LegalBasisUpdate
LegalBasisDelete LegalBasisListAgreements AgreementAccept AgreementGet AgreementListUserAgreements AgreementCancel
AgreementCancelRequest AgreementRevokeAll ProcessingActivityCreate ProcessingActivityUpdate ProcessingActivityDelete
ProcessingActivityLinkLegalBasis ProcessingActivityUnlinkLegalBasis ProcessingActivityListActivities BulkListUnlock
BulkListUsers BulkListAllUsers BulkListAllUserRequests BulkListAllAuditEvents BulkListTokens BulkDeleteTokens
AuditListUserEvents AuditGetEvent SystemGetSystemStats SystemGetUserReport SystemGetUserHTMLReport
""".split()

NOT_SPOKEN = """
GroupCreate GroupGet GroupListAllGroups GroupListUserGroups GroupUpdate GroupDelete GroupAddUser GroupDeleteUser
BulkListGroupUsers RoleCreate RoleUpdate RoleLinkPolicy PolicyCreate PolicyUpdate PolicyGet PolicyListAllPolicies
XTokenCreateForRole TenantCreate TenantGet TenantUpdate TenantDelete TenantListTenants FileCreate FileGet
FileListUserFiles FileReplaceTags FileDelete BulkListFilesByTag SystemGetUserProfiles SystemSearchUserProfiles
SystemDeleteUserProfiles SystemRestoreUserProfile SystemGenerateWrappingKey SystemSetLicenseKey
""".split()

# Needed fields of the calls that have any; no two calls of one line differ.
NEEDED = {
    "UserCreate": ["profile"],
    "UserGet UserDelete UserListVersions UserDeleteRequest XTokenCreateForUser AppdataListUserAppNames": [
        "mode",
        "identity",
    ],
    "SessionListUserSessions SharedRecordCreate AgreementListUserAgreements AuditListUserEvents": ["mode", "identity"],
    "UserUpdate UserUpdateRequest": ["mode", "identity", "profile"],
    "UserPatch UserPatchRequest": ["mode", "identity", "patch"],
    "UserSearch": ["identity", "unlockuuid"],
    "UserCreateBulk TokenCreateBulk": ["records"],
    "UserDeleteBulk": ["users"],
    "UserRequestGet UserRequestCancel UserRequestApprove": ["requestuuid"],
    "TokenCreate": ["tokentype", "record"],
    "TokenGet TokenDelete": ["token"],
    "AppdataCreate AppdataUpdate AppdataUpdateRequest": ["mode", "identity", "appname", "appdata"],
    "AppdataGet AppdataListVersions AppdataDelete": ["mode", "identity", "appname"],
    "SessionUpsert": ["sessionuuid", "sessiondata"],
    "SessionGet SessionDelete": ["sessionuuid"],
    "SharedRecordGet": ["recorduuid"],
    "LegalBasisCreate LegalBasisUpdate LegalBasisDelete AgreementRevokeAll": ["brief"],
    "AgreementAccept AgreementGet AgreementCancel AgreementCancelRequest": ["mode", "identity", "brief"],
    "ProcessingActivityCreate ProcessingActivityUpdate ProcessingActivityDelete": ["activity"],
    "ProcessingActivityLinkLegalBasis ProcessingActivityUnlinkLegalBasis": ["activity", "brief"],
    "BulkListUsers": ["unlockuuid", "users"],
    "BulkListAllUsers BulkListAllUserRequests BulkListAllAuditEvents": ["unlockuuid"],
    "BulkListTokens BulkDeleteTokens": ["unlockuuid", "tokens"],
    "AuditGetEvent": ["auditeventuuid"],
}


@pytest.fixture(params=["none", "empty", "wrong", "cut"])
def keyless(vault, request):
    """Somebody whose key is missing or wrong."""
    key = {"none": None, "empty": "", "wrong": "not-a-key", "cut": vault.key[:-1]}[request.param]
    return Wire(vault.url, key)


@pytest.mark.parametrize("method, path", V1)
def test_v1_needs_a_key(keyless, method, path):
    refused(keyless.call(method, "v1", *path, json={"first": "Eve"} if method in ("POST", "PUT") else None), 401)


@pytest.mark.parametrize("call", V2)
def test_v2_needs_a_key(keyless, call):
    assert refused(keyless.v2(call, mode="token", identity=NOWHERE), 403) == "Access denied"


def test_a_key_of_another_tenant_does_not_open_this_one(vault, token):
    crossed = Wire(vault.url, vault.other_key, vault.tenant)
    refused(crossed.get("user", "token", token), 401)
    assert refused(crossed.v2("UserGet", mode="token", identity=token), 403) == "Access denied"


def test_a_tenant_that_does_not_exist_is_like_one_that_is_not_yours(vault, token):
    answers = [
        Wire(vault.url, vault.key, tenant).get("user", "token", token)
        for tenant in ("nosuchtenant", vault.other_tenant)
    ]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    refused(answers[0], 401)


def test_a_key_names_its_tenant_by_itself(vault, http, token):
    named = Wire(vault.url, vault.key, vault.tenant)
    assert ok(named.get("user", "token", token)) == ok(http.get("user", "token", token))


def test_a_key_in_the_address_is_not_read(vault, anybody_http, token):
    refused(anybody_http.get("user", "token", token, token=vault.key), 401)


@pytest.mark.parametrize("call", NOT_SPOKEN)
def test_a_call_that_privet_does_not_speak_says_so(http, call):
    assert call in refused(http.v2(call), 501)


@pytest.mark.parametrize("call", ["Nothing", "usercreate", "UserCreate2"])
def test_an_unknown_call_is_not_found(http, call):
    assert refused(http.v2(call), 404) == "The API request was not found"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_v2_is_called_by_post_only(http, method):
    refused(http.call(method, "v2", "UserGet"), 405)


CASES = [(call, fields) for calls, fields in NEEDED.items() for call in calls.split()]


@pytest.mark.parametrize("call, fields", CASES)
def test_missing_fields_are_named(http, call, fields):
    assert refused(http.v2(call), 400) == f"Missing API request parameters: {', '.join(fields)}"


@pytest.mark.parametrize("call, fields", CASES)
@pytest.mark.parametrize("value", [7, None, True, [[]]])
def test_a_field_of_another_type_is_refused_by_name(http, call, fields, value):
    body = {field: value for field in fields}
    message = refused(http.v2(call, **body), 400)
    assert [field for field in fields if field in message], message


@pytest.mark.parametrize("body", ["{", "[]", '"UserGet"', "null", b"\xff\xfe", "{} {}", "first=Ada"])
def test_a_body_that_is_no_object_is_refused(http, body):
    answer = http.call("POST", "v2", "UserGet", body=body, headers={"content-type": "application/json"})
    assert refused(answer, 400) == "Failed to decode the request body"


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_v2_reads_json_whatever_it_is_called(http, profile, token, kind):
    body = json.dumps({"mode": "token", "identity": token})
    answer = http.call("POST", "v2", "UserGet", body=body, headers={"content-type": kind})
    assert ok(answer)["profile"] == profile


def test_a_call_without_fields_needs_no_body(http):
    ok(http.call("POST", "v2", "LegalBasisListAgreements"))


def test_a_mode_that_does_not_exist_and_a_bad_uuid_are_refused(http):
    assert (
        refused(http.v2("UserGet", mode="shoe-size", identity="44"), 400)
        == "The mode parameter has an incorrect format"
    )
    assert refused(http.v2("UserGet", mode="token", identity="44"), 400) == "Bad UUID"
    assert refused(http.v2("UserGet", mode="token", identity=NOWHERE), 404) == "The user record was not found"


def test_a_conflict_is_a_conflict(http, profile, token):
    assert refused(http.v2("UserCreate", profile=profile), 409).startswith("Duplicate index: ")


def test_a_refusal_does_not_repeat_what_it_was_sent(http, profile):
    secret = name("secret")
    answers = [
        http.v2("UserGet", mode="email", identity=f"{secret}@example.org"),
        http.v2("UserCreate", profile=secret),
        http.v2("UserCreate", profile=person(), finaltime=secret),
        http.v2("TokenCreate", tokentype="creditcard", record=secret),
        http.get("user", "email", f"{secret}@example.org"),
        http.get("user", "token", secret),
        http.post("user", body=f"{{{secret}", headers={"content-type": "application/json"}),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert secret not in answer.text


def test_no_answer_may_be_kept_on_its_way(http, token):
    for answer in (http.get("user", "token", token), http.v2("UserGet", mode="token", identity=token)):
        assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_a_large_profile_is_kept_whole(http, size):
    profile = person(essay="ä" * size)
    token = ok(http.post("user", json=profile))["token"]
    assert ok(http.get("user", "token", token))["data"] == profile


def test_a_body_past_the_limit_is_refused_before_it_is_sent(http):
    connection = HTTPConnection(urlsplit(http.url).netloc, timeout=20)
    headers = {**http.headers, "content-type": "application/json", "content-length": str(10**9)}
    connection.putrequest("POST", "/v1/user")
    for field, value in headers.items():
        connection.putheader(field, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["status"]) == (413, "error")
    connection.close()


def test_deep_nesting_is_refused_and_not_followed(http):
    depth = 100_000
    for call in (["v1", "user"], ["v2", "UserCreate"]):
        answer = http.call("POST", *call, body="[" * depth + "]" * depth, headers={"content-type": "application/json"})
        refused(answer, 400)
