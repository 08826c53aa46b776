"""Databunker's `/v1`: legal bases, agreements, processing activities and consent, a test for each documented route."""

import time

import pytest

from people import MODES, NOWHERE, identity, name, person
from wire import eventually, ok, refused


def bases(http):
    return {row["brief"]: row for row in ok(http.get("lbasis"))["rows"]}


def activities(http):
    return {row["activity"]: row for row in ok(http.get("pactivity"))["rows"]}


def agreed(http, token):
    return {row["brief"]: row["status"] for row in ok(http.get("agreements", "token", token))["rows"]}


@pytest.mark.parametrize("form", [True, False])
def test_post_and_get_lbasis(http, form):
    brief = name("basis-")
    said = {"module": "newsletter", "shortdesc": "News", "fulldesc": "News by mail", "basistype": "contract"}
    ok(
        http.post(
            "lbasis",
            brief,
            **(
                {"form": said}
                if form
                else {"json": {**said, "requiredflag": True, "requiredmsg": "Needed", "usercontrol": True}}
            ),
        )
    )
    row = bases(http)[brief]
    assert {key: row[key] for key in said} == said
    assert (row["requiredflag"], row["usercontrol"], row["status"]) == (not form, not form, "active")
    assert abs(row["creationtime"] - time.time()) < 300


def test_posting_lbasis_again_changes_it_and_may_rename_it(http, basis):
    new = name("basis-")
    ok(http.post("lbasis", basis, json={"brief": new, "shortdesc": "changed", "basistype": "contract"}))
    assert basis not in bases(http)
    assert (bases(http)[new]["shortdesc"], bases(http)[new]["basistype"]) == ("changed", "contract")


def test_the_list_of_bases_says_how_many(http, basis):
    body = ok(http.get("lbasis"))
    assert body["total"] == len(body["rows"]) >= 1


def test_delete_lbasis(http, basis, token):
    ok(http.delete("lbasis", basis))
    assert basis not in bases(http)


def test_delete_lbasis_that_was_agreed_to_revokes(http, basis, token):
    ok(http.post("agreement", basis, "token", token))
    ok(http.delete("lbasis", basis))
    assert bases(http)[basis]["status"] == "deleted"
    assert agreed(http, token) == {basis: "revoked"}


@pytest.mark.parametrize("mode", MODES)
def test_post_get_and_delete_agreement(http, basis, profile, token, mode):
    who = [basis, mode, identity(mode, token, profile)]
    said = {"agreementmethod": "web-form", "referencecode": "DOC-1", "lastmodifiedby": "officer"}
    ok(http.post("agreement", *who, json={**said, "expiration": "10d"}))
    data = ok(http.get("agreement", *who))["data"]
    assert {key: data[key] for key in said} == said
    assert (data["brief"], data["status"], data["token"], data["mode"]) == (basis, "yes", token, mode)
    assert abs(data["endtime"] - time.time() - 10 * 86_400) < 300
    listed = ok(http.get("agreements", *who[1:]))
    assert (listed["total"], [row["brief"] for row in listed["rows"]]) == (1, [basis])
    ok(http.delete("agreement", *who, json={"lastmodifiedby": "ada"}))
    data = ok(http.get("agreement", *who))["data"]
    assert (data["status"], data["lastmodifiedby"]) == ("no", "ada")


def test_post_agreement_takes_a_form(http, basis, token):
    ok(http.post("agreement", basis, "token", token, form={"status": "no", "agreementmethod": "phone"}))
    assert agreed(http, token) == {basis: "no"}


def test_an_expired_agreement_says_so(http, basis, token):
    ok(http.post("agreement", basis, "token", token, json={"expiration": "2s"}))
    assert agreed(http, token) == {basis: "yes"}
    eventually(lambda: agreed(http, token) == {basis: "expired"})


def test_delete_agreement_of_everybody_revokes(http, basis, token):
    ok(http.post("agreement", basis, "token", token))
    ok(http.delete("agreement", basis))
    assert agreed(http, token) == {basis: "revoked"}


def test_agreement_errors(http, basis, token):
    missing = name("basis-")
    refused(http.post("agreement", missing, "token", token), 404)
    refused(http.post("agreement", "a b", "token", token), 400)
    refused(http.post("agreement", basis, "token", NOWHERE), 404)
    refused(http.post("agreement", basis, "email", person()["email"]), 404)
    refused(http.post("agreement", basis, "token", "x"), 400)
    refused(http.post("agreement", basis, "shoe-size", "44"), 400)
    assert "status" in refused(http.post("agreement", basis, "token", token, json={"status": "perhaps"}), 400)
    assert "expiration" in refused(http.post("agreement", basis, "token", token, json={"expiration": "soon"}), 400)
    refused(http.get("agreement", basis, "token", token), 404)
    refused(http.delete("agreement", basis, "token", token), 404)
    refused(http.delete("agreement", missing), 404)
    refused(http.get("agreements", "token", NOWHERE), 404)
    assert agreed(http, token) == {}


def test_lbasis_errors(http):
    refused(http.post("lbasis", "a b", json={"shortdesc": "x"}), 400)
    assert "basistype" in refused(http.post("lbasis", name("basis-"), json={"basistype": "because"}), 400)
    refused(http.delete("lbasis", name("basis-")), 404)


@pytest.mark.parametrize("form", [True, False])
def test_post_and_get_pactivity(http, form):
    activity = name("act-")
    said = {"title": "Newsletter", "script": "<b>x</b>", "fulldesc": "Sends news", "applicableto": "customers"}
    ok(http.post("pactivity", activity, **({"form": said} if form else {"json": said})))
    row = activities(http)[activity]
    assert {key: row[key] for key in said} == said
    assert (row["legalbasis"], row["briefs"]) == ("", [])


def test_posting_pactivity_again_changes_it_and_may_rename_it(http, basis):
    old, new = name("act-"), name("act-")
    ok(http.post("pactivity", old, json={"title": "one"}))
    ok(http.post("pactivity", old, basis))
    ok(http.post("pactivity", old, json={"activity": new, "title": "two"}))
    assert old not in activities(http)
    assert (activities(http)[new]["title"], activities(http)[new]["legalbasis"]) == ("two", basis)


def test_pactivity_is_linked_and_unlinked(http, basis):
    activity = name("act-")
    ok(http.post("pactivity", activity, json={"title": "one"}))
    ok(http.post("pactivity", activity, basis))
    assert [row["brief"] for row in activities(http)[activity]["briefs"]] == [basis]
    ok(http.delete("pactivity", activity, basis))
    assert activities(http)[activity]["briefs"] == []


def test_delete_pactivity(http):
    activity = name("act-")
    ok(http.post("pactivity", activity, json={"title": "one"}))
    ok(http.delete("pactivity", activity))
    assert activity not in activities(http)


def test_pactivity_errors(http, basis):
    activity, missing = name("act-"), name("act-")
    ok(http.post("pactivity", activity, json={"title": "one"}))
    refused(http.post("pactivity", "a b", json={"title": "one"}), 400)
    refused(http.post("pactivity", activity, name("basis-")), 404)
    refused(http.post("pactivity", missing, basis), 404)
    refused(http.delete("pactivity", missing, basis), 404)
    refused(http.delete("pactivity", missing), 404)


@pytest.mark.parametrize("mode", MODES)
def test_post_get_and_delete_consent(http, profile, token, mode):
    who = [mode, identity(mode, token, profile)]
    brief = name("consent-")
    ok(
        http.post(
            "consent",
            *who,
            brief,
            json={
                "message": "May we write?",
                "referencecode": "DOC-1",
                "lawfulbasis": "consent",
                "module": "web-consent",
            },
        )
    )
    consent = ok(http.get("consent", *who, brief))["consent"]
    assert (consent["brief"], consent["status"], consent["message"]) == (brief, "accept", "May we write?")
    assert (consent["referencecode"], consent["lawfulbasis"], consent["module"]) == ("DOC-1", "consent", "web-consent")
    assert abs(consent["created"] - time.time()) < 300 and abs(consent["updated"] - time.time()) < 300
    listed = ok(http.get("consent", *who))
    assert [row["brief"] for row in listed["consents"]] == [brief]
    assert (listed["total"], listed["rows"]) == (1, listed["consents"])
    ok(http.delete("consent", *who, brief))
    assert ok(http.get("consent", *who, brief))["consent"]["status"] == "cancel"


def test_post_consent_takes_a_form(http, token):
    brief = name("consent-")
    ok(http.post("consent", "token", token, brief, form={"message": "May we write?", "status": "cancel"}))
    assert ok(http.get("consent", "token", token, brief))["consent"]["status"] == "cancel"


def test_a_consent_is_an_agreement_and_an_agreement_a_consent(http, basis, token):
    brief = name("consent-")
    ok(http.post("consent", "token", token, brief, json={"lawfulbasis": "contract-agreement"}))
    ok(http.post("agreement", basis, "token", token))
    assert agreed(http, token) == {brief: "yes", basis: "yes"}
    assert bases(http)[brief]["basistype"] == "contract"
    assert {row["brief"]: row["status"] for row in ok(http.get("consent", "token", token))["consents"]} == {
        brief: "accept",
        basis: "accept",
    }


@pytest.mark.parametrize("field", ["endtime", "expiration"])
def test_an_expired_consent_says_so(http, token, field):
    brief = name("consent-")
    ok(http.post("consent", "token", token, brief, json={field: "2s"}))
    eventually(lambda: ok(http.get("consent", "token", token, brief))["consent"]["status"] == "expired")


def test_consent_errors(http, token):
    brief = name("consent-")
    refused(http.post("consent", "token", NOWHERE, brief), 404)
    refused(http.post("consent", "email", person()["email"], brief), 404)
    refused(http.post("consent", "token", token, "a b"), 400)
    assert "status" in refused(http.post("consent", "token", token, brief, json={"status": "perhaps"}), 400)
    assert "lawfulbasis" in refused(http.post("consent", "token", token, brief, json={"lawfulbasis": "because"}), 400)
    refused(http.get("consent", "token", token, brief), 404)
    refused(http.delete("consent", "token", token, brief), 404)
    refused(http.get("consent", "token", NOWHERE), 404)
    assert brief not in bases(http)
