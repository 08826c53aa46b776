"""Legal bases, agreements and processing activities, through the unmodified client `databunkerpro`."""

import time

import pytest

from people import name, person
from wire import bad, eventually, good

TEXTS = {
    "module": "newsletter",
    "shortdesc": "News by mail",
    "fulldesc": "We send news by mail, once a month.",
    "basistype": "consent",
    "requiredmsg": "Needed for news",
    "requiredflag": True,
    "status": "active",
}


def row_of(rows, key, value):
    found = [row for row in rows if row[key] == value]
    assert len(found) == 1, found
    return found[0]


def agreed(api, login):
    return {row["brief"]: row["status"] for row in good(api.list_user_agreements("login", login))["rows"]}


def test_a_legal_basis_is_listed_with_all_that_was_said_of_it(api):
    brief = name("basis-")
    good(api.create_legal_basis({"brief": brief, **TEXTS}))
    answer = good(api.list_agreements())
    row = row_of(answer["rows"], "brief", brief)
    assert {key: row[key] for key in TEXTS} == TEXTS
    assert answer["total"] == len(answer["rows"])


def test_a_legal_basis_needs_no_more_than_a_name(api):
    brief = name("basis-")
    good(api.create_legal_basis({"brief": brief}))
    row = row_of(good(api.list_agreements())["rows"], "brief", brief)
    assert (row["status"], row["basistype"], row["requiredflag"]) == ("active", "consent", False)


def test_two_legal_bases_cannot_have_one_name(api):
    brief = name("basis-")
    good(api.create_legal_basis({"brief": brief, "shortdesc": "first"}))
    bad(api.create_legal_basis({"brief": brief.upper(), "shortdesc": "second"}))
    assert row_of(good(api.list_agreements())["rows"], "brief", brief)["shortdesc"] == "first"


def test_an_update_of_a_legal_basis_changes_what_it_names(api):
    brief = name("basis-")
    good(api.create_legal_basis({"brief": brief, **TEXTS}))
    good(api.update_legal_basis(brief, {"shortdesc": "changed", "requiredflag": False}))
    row = row_of(good(api.list_agreements())["rows"], "brief", brief)
    assert {key: row[key] for key in TEXTS} == {**TEXTS, "shortdesc": "changed", "requiredflag": False}
    bad(api.update_legal_basis(name("basis-"), {"shortdesc": "changed"}))


@pytest.mark.parametrize(
    "kind", ["consent", "contract", "legal-requirement", "legitimate-interest", "public-interest", "vital-interest"]
)
def test_each_kind_of_basis_of_the_regulation_is_known(api, kind):
    brief = name("basis-")
    good(api.create_legal_basis({"brief": brief, "basistype": kind.replace("-", "_")}))
    assert row_of(good(api.list_agreements())["rows"], "brief", brief)["basistype"] == kind


@pytest.mark.parametrize(
    "options",
    [{"basistype": "because"}, {"status": "perhaps"}, {"brief": ""}, {"brief": "a b"}, {"brief": "x" * 65}, {}],
)
def test_a_legal_basis_that_cannot_be_read_is_refused(api, options):
    bad(api.create_legal_basis({"brief": name("basis-"), **options} if options else {}))


def test_a_deleted_legal_basis_that_nobody_agreed_to_is_gone(api, basis):
    good(api.delete_legal_basis(basis))
    assert basis not in {row["brief"] for row in good(api.list_agreements())["rows"]}
    bad(api.delete_legal_basis(basis))


def test_a_deleted_legal_basis_revokes_what_was_agreed_and_stays_for_the_record(api, basis, profile):
    good(api.create_user(profile))
    good(api.accept_agreement("login", profile["login"], basis, {}))
    good(api.delete_legal_basis(basis))
    assert agreed(api, profile["login"]) == {basis: "revoked"}
    assert row_of(good(api.list_agreements())["rows"], "brief", basis)["status"] == "deleted"
    bad(api.accept_agreement("login", profile["login"], basis, {}))


def test_an_agreement_is_kept_with_all_that_was_said_of_it(api, basis, profile):
    good(api.create_user(profile))
    said = {"agreementmethod": "web-form", "referencecode": "DOC-1", "lastmodifiedby": "officer"}
    end = int(time.time()) + 100 * 86_400
    good(
        api.accept_agreement(
            "email",
            profile["email"],
            basis,
            {**said, "starttime": "2024-01-01T00:00:00Z", "finaltime": "100d", "status": "active"},
        )
    )
    agreement = good(api.get_user_agreement("phone", profile["phone"], basis))["agreement"]
    assert {key: agreement[key] for key in said} == said
    assert (agreement["brief"], agreement["status"], agreement["starttime"]) == (basis, "yes", 1_704_067_200)
    assert abs(agreement["endtime"] - end) < 300
    assert abs(agreement["when"] - time.time()) < 300 and abs(agreement["creationtime"] - time.time()) < 300


@pytest.mark.parametrize(
    "word, status",
    [("yes", "yes"), ("accept", "yes"), ("active", "yes"), ("no", "no"), ("cancel", "no"), ("pending", "pending")],
)
def test_an_agreement_says_yes_or_no_in_many_words(api, basis, profile, word, status):
    good(api.create_user(profile))
    good(api.accept_agreement("login", profile["login"], basis, {"status": word}))
    assert agreed(api, profile["login"]) == {basis: status}


@pytest.mark.parametrize("options", [{"status": "perhaps"}, {"finaltime": "soon"}, {"starttime": "yesterday"}])
def test_an_agreement_that_cannot_be_read_is_refused_and_not_taken_for_yes(api, basis, profile, options):
    good(api.create_user(profile))
    assert next(iter(options)) in bad(api.accept_agreement("login", profile["login"], basis, options))
    assert agreed(api, profile["login"]) == {}


def test_nobody_agrees_to_what_does_not_exist(api, basis, profile):
    good(api.create_user(profile))
    assert (
        bad(api.accept_agreement("login", profile["login"], name("basis-"), {}))
        == "The legal basis record was not found"
    )
    assert bad(api.accept_agreement("login", person()["login"], basis, {})) == "The user record was not found"


def test_nobody_agrees_to_an_inactive_basis(api, basis, profile):
    good(api.create_user(profile))
    good(api.update_legal_basis(basis, {"status": "inactive"}))
    bad(api.accept_agreement("login", profile["login"], basis, {}))
    assert agreed(api, profile["login"]) == {}


def test_a_cancelled_agreement_says_no_and_can_be_given_again(api, basis, profile):
    good(api.create_user(profile))
    good(api.accept_agreement("login", profile["login"], basis, {}))
    good(api.cancel_agreement("login", profile["login"], basis))
    assert agreed(api, profile["login"]) == {basis: "no"}
    good(api.accept_agreement("login", profile["login"], basis, {}))
    assert agreed(api, profile["login"]) == {basis: "yes"}


def test_an_agreement_that_was_never_given_is_not_found(api, basis, profile):
    good(api.create_user(profile))
    bad(api.get_user_agreement("login", profile["login"], basis))
    bad(api.cancel_agreement("login", profile["login"], basis))


def test_an_expired_agreement_says_so(api, basis, profile):
    good(api.create_user(profile))
    good(api.accept_agreement("login", profile["login"], basis, {"finaltime": "2s"}))
    assert agreed(api, profile["login"]) == {basis: "yes"}
    eventually(lambda: agreed(api, profile["login"]) == {basis: "expired"})
    assert good(api.get_user_agreement("login", profile["login"], basis))["agreement"]["status"] == "expired"


def test_a_cancellation_that_is_asked_for_waits_for_approval(api, approver, basis, profile):
    good(api.create_user(profile))
    good(api.accept_agreement("login", profile["login"], basis, {}))
    request = good(api.request_agreement_cancellation("login", profile["login"], basis))["requestuuid"]
    assert agreed(api, profile["login"]) == {basis: "yes"}
    good(approver.approve_user_request(request))
    assert agreed(api, profile["login"]) == {basis: "no"}


def test_all_agreements_to_a_basis_are_revoked_at_once(api, basis):
    yes, no = person(), person()
    for profile in (yes, no):
        good(api.create_user(profile))
        good(api.accept_agreement("login", profile["login"], basis, {}))
    good(api.cancel_agreement("login", no["login"], basis))
    good(api.revoke_all_agreements(basis))
    assert agreed(api, yes["login"]) == {basis: "revoked"}
    assert agreed(api, no["login"]) == {basis: "no"}
    bad(api.revoke_all_agreements(name("basis-")))


def test_a_processing_activity_is_listed_with_its_bases(api, basis):
    activity = name("act-")
    said = {"title": "Newsletter", "script": "<b>no script</b>", "fulldesc": "Sends news", "applicableto": "customers"}
    good(api.create_processing_activity({"activity": activity, **said}))
    good(api.link_processing_activity_to_legal_basis(activity, basis))
    good(api.link_processing_activity_to_legal_basis(activity, basis))
    answer = good(api.list_processing_activities())
    row = row_of(answer["rows"], "activity", activity)
    assert {key: row[key] for key in said} == said
    assert (row["legalbasis"], [one["brief"] for one in row["briefs"]]) == (basis, [basis])
    assert answer["total"] == len(answer["rows"])


def test_an_unlinked_basis_is_gone_from_the_activity(api, basis):
    activity = name("act-")
    good(api.create_processing_activity({"activity": activity}))
    good(api.link_processing_activity_to_legal_basis(activity, basis))
    good(api.unlink_processing_activity_from_legal_basis(activity, basis))
    row = row_of(good(api.list_processing_activities())["rows"], "activity", activity)
    assert (row["title"], row["legalbasis"], row["briefs"]) == (activity, "", [])


def test_a_deleted_basis_is_gone_from_the_activity(api, basis):
    activity = name("act-")
    good(api.create_processing_activity({"activity": activity}))
    good(api.link_processing_activity_to_legal_basis(activity, basis))
    good(api.delete_legal_basis(basis))
    assert row_of(good(api.list_processing_activities())["rows"], "activity", activity)["briefs"] == []


def test_an_activity_changes_its_name_and_texts(api, basis):
    old, new = name("act-"), name("act-")
    good(api.create_processing_activity({"activity": old, "title": "one", "fulldesc": "kept"}))
    good(api.link_processing_activity_to_legal_basis(old, basis))
    good(api.update_processing_activity(old, {"newactivity": new, "title": "two"}))
    rows = good(api.list_processing_activities())["rows"]
    row = row_of(rows, "activity", new)
    assert (row["title"], row["fulldesc"], row["legalbasis"]) == ("two", "kept", basis)
    assert old not in {row["activity"] for row in rows}


def test_activities_that_do_not_exist_or_do_already_are_refused(api, basis):
    one, two, missing = name("act-"), name("act-"), name("act-")
    good(api.create_processing_activity({"activity": one}))
    good(api.create_processing_activity({"activity": two}))
    bad(api.create_processing_activity({"activity": one}))
    bad(api.create_processing_activity({"activity": "a b"}))
    bad(api.create_processing_activity({"title": "without a name"}))
    bad(api.update_processing_activity(one, {"newactivity": two}))
    bad(api.update_processing_activity(missing, {"title": "x"}))
    bad(api.link_processing_activity_to_legal_basis(missing, basis))
    bad(api.link_processing_activity_to_legal_basis(one, name("basis-")))
    bad(api.unlink_processing_activity_from_legal_basis(missing, basis))
    bad(api.delete_processing_activity(missing))


def test_a_deleted_activity_is_gone(api):
    activity = name("act-")
    good(api.create_processing_activity({"activity": activity}))
    good(api.delete_processing_activity(activity))
    assert activity not in {row["activity"] for row in good(api.list_processing_activities())["rows"]}
