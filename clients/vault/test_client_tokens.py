"""Tokens for single values, through the unmodified client `databunkerpro`."""

import time

import pytest

from people import card_number, digits, luhn_holds, name, person
from wire import bad, eventually, good


def test_a_card_number_becomes_another_card_number(api):
    card = card_number()
    made = good(api.create_token("creditcard", card))
    base = made["tokenbase"]
    assert base != card and len(base) == len(card) and base.isdigit() and luhn_holds(base)
    for key in (made["tokenuuid"], base):
        found = good(api.get_token(key))
        assert (found["record"], found["tokentype"]) == (card, "creditcard")


@pytest.mark.parametrize("kind", ["text", "string", "email", "ssn", "uuid"])
def test_a_text_becomes_a_uuid_only(api, kind):
    record = name("value-Žofie ")
    made = good(api.create_token(kind, record))
    assert not made.get("tokenbase")
    assert good(api.get_token(made["tokenuuid"]))["record"] == record


def test_string_is_another_name_of_text(api):
    record = name("value")
    made = good(api.create_token("text", record, {"unique": True}))
    again = good(api.create_token("string", record, {"unique": True}))
    assert again["tokenuuid"] == made["tokenuuid"]
    assert good(api.get_token(again["tokenuuid"]))["tokentype"] == "text"


@pytest.mark.parametrize(
    "kind, record",
    [("uint32", digits(9).lstrip("0") + "7"), ("uint64", "1" + digits(17)), ("unixtimestamp", "1" + digits(9))],
)
def test_a_number_becomes_another_number_of_its_kind(api, kind, record):
    record = str(int(record) % 2**32) if kind != "uint64" else record
    made = good(api.create_token(kind, record))
    limit = 2**64 if kind == "uint64" else 2**32
    assert made["tokenbase"] != record and 0 <= int(made["tokenbase"]) < limit
    assert good(api.get_token(made["tokenbase"]))["record"] == record


@pytest.mark.parametrize("kind", ["phone", "date", "unixtime", "str", "", "CREDITCARD"])
def test_an_unknown_kind_is_refused(api, kind):
    assert bad(api.create_token(kind, "value")) == "Wrong token type"


@pytest.mark.parametrize("record", ["4532015112830367", "4532", "4532-0151-1283-0366", "not a card", ""])
def test_what_is_no_card_number_is_refused_without_being_repeated(api, record):
    message = bad(api.create_token("creditcard", record))
    assert "record" in message and (not record or record not in message)


def test_the_same_value_gets_the_same_token_only_if_that_is_asked_for(api):
    card = card_number()
    first = good(api.create_token("creditcard", card, {"unique": True}))
    again = good(api.create_token("creditcard", card, {"unique": True}))
    assert (again["tokenuuid"], again["tokenbase"]) == (first["tokenuuid"], first["tokenbase"])
    other = good(api.create_token("creditcard", card))
    assert other["tokenuuid"] != first["tokenuuid"] and other["tokenbase"] != first["tokenbase"]


def test_a_deleted_token_is_gone_by_both_its_names(api):
    made = good(api.create_token("creditcard", card_number()))
    good(api.delete_token(made["tokenbase"]))
    assert bad(api.get_token(made["tokenuuid"])) == "Token not found"
    assert bad(api.get_token(made["tokenbase"])) == "Token not found"
    assert bad(api.delete_token(made["tokenuuid"])) == "Token not found"


def test_a_deleted_value_gets_a_new_token(api):
    card = card_number()
    first = good(api.create_token("creditcard", card, {"unique": True}))
    good(api.delete_token(first["tokenuuid"]))
    again = good(api.create_token("creditcard", card, {"unique": True}))
    assert (again["tokenuuid"], again["tokenbase"]) != (first["tokenuuid"], first["tokenbase"])


def test_an_expired_token_is_gone(api):
    made = good(api.create_token("text", name("value"), {"finaltime": "2s"}))
    good(api.get_token(made["tokenuuid"]))
    eventually(lambda: api.get_token(made["tokenuuid"])["status"] == "error")
    assert bad(api.get_token(made["tokenuuid"])) == "Token not found"


def test_a_sliding_token_lives_while_it_is_read(api):
    made = good(api.create_token("text", name("value"), {"slidingtime": "4s"}))
    for _ in range(4):
        time.sleep(1.5)
        good(api.get_token(made["tokenuuid"]))
    time.sleep(5.5)
    bad(api.get_token(made["tokenuuid"]))


def test_many_tokens_are_made_at_once(api):
    records = [{"tokentype": "creditcard", "record": card_number()} for _ in range(5)]
    records.append({"tokentype": "text", "record": name("value")})
    answer = good(api.create_tokens_bulk(records, {"unique": True, "slidingtime": "30d", "finaltime": "12m"}))
    assert [(row["tokentype"], row["record"]) for row in answer["created"]] == [
        (row["tokentype"], row["record"]) for row in records
    ]
    assert (answer["num"], answer["summary"]) == (6, {"total": 6, "created": 6, "duplicates": 0, "errors": 0})
    for row in answer["created"]:
        assert good(api.get_token(row["tokenuuid"]))["record"] == row["record"]


def test_of_many_values_those_known_keep_their_tokens(api):
    records = [{"tokentype": "text", "record": name("value")} for _ in range(3)]
    first = good(api.create_tokens_bulk(records, {"unique": True}))
    again = good(api.create_tokens_bulk([*records, {"tokentype": "text", "record": name("value")}], {"unique": True}))
    assert [row["tokenuuid"] for row in again["duplicates"]] == [row["tokenuuid"] for row in first["created"]]
    assert again["summary"] == {"total": 4, "created": 1, "duplicates": 3, "errors": 0}
    assert (
        good(api.create_token("text", records[0]["record"], {"unique": True}))["tokenuuid"]
        == first["created"][0]["tokenuuid"]
    )


def test_of_many_values_those_that_cannot_be_are_named(api):
    answer = good(
        api.create_tokens_bulk(
            [{"tokentype": "text", "record": name("value")}, {"tokentype": "creditcard", "record": "12"}]
        )
    )
    assert [row["index"] for row in answer["errors"]] == [1]
    assert answer["summary"] == {"total": 2, "created": 1, "duplicates": 0, "errors": 1}


def test_no_values_are_refused(api):
    bad(api.create_tokens_bulk([]))


def test_many_tokens_are_read_and_deleted_under_an_approved_unlock(api, unlock):
    records = [{"tokentype": "creditcard", "record": card_number()} for _ in range(3)]
    made = good(api.create_tokens_bulk(records))["created"]
    names = [made[0]["tokenuuid"], made[1]["tokenbase"], made[2]["tokenuuid"], "4111111111111111"]
    uuid = unlock()
    answer = good(api.bulk_list_tokens(uuid, names))
    assert answer["total"] == 3
    assert {row["tokenuuid"]: (row["tokenbase"], row["record"], row["tokentype"]) for row in answer["rows"]} == {
        row["tokenuuid"]: (row["tokenbase"], row["record"], "creditcard") for row in made
    }
    assert good(api.bulk_delete_tokens(uuid, names))["deleted"] == 3
    assert good(api.bulk_list_tokens(uuid, names))["rows"] == []
    bad(api.get_token(made[0]["tokenuuid"]))


def test_a_token_that_belongs_to_a_person_goes_with_them(api):
    profile = person()
    good(api.create_user(profile))
    owned = {"mode": "email", "identity": profile["email"]}
    made = good(api.create_token("creditcard", card_number(), owned))
    stays = good(api.create_token("creditcard", card_number()))
    good(api.delete_user("email", profile["email"]))
    assert bad(api.get_token(made["tokenuuid"])) == "Token not found"
    assert bad(api.get_token(made["tokenbase"])) == "Token not found"
    good(api.get_token(stays["tokenuuid"]))
