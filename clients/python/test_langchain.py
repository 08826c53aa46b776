"""LangChain's models, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider)."""

import os

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from private_values import (
    BILLING, CARD, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, RESULT, STAND_IN, SUPPORT, SYSTEM,
)

URL = os.environ["PRIVET_URL"]
KEY = os.environ["PRIVET_KEY"]


@tool
def send_mail(card: str, to: str, body: str) -> str:
    """Sends a mail."""
    return RESULT


def chat():
    return ChatOpenAI(model="demo-small", base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)


def responses():
    return ChatOpenAI(
        model="demo-small", base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30, use_responses_api=True,
    )


def messages():
    return ChatAnthropic(model_name="claude-demo", base_url=URL, api_key=KEY, max_retries=0, timeout=30, stop=None)


MODELS = pytest.mark.parametrize("open_model", [chat, responses, messages])


def whole(text, *values):
    """Asserts that `values` are in `text` and no stand-in is left."""
    assert [value for value in values if value not in text] == []
    assert STAND_IN.findall(text) == []


@MODELS
def test_a_reply_is_whole(provider, open_model):
    whole(open_model().invoke(INTRODUCTION).text, f"You wrote: {INTRODUCTION}", *INTRODUCED)
    assert len(provider.requests()) == 1


@MODELS
def test_a_stream_is_whole(provider, open_model):
    whole("".join(piece.text for piece in open_model().stream(INTRODUCTION)), INTRODUCTION, *INTRODUCED)


@MODELS
def test_three_turns_with_a_tool_call_in_between_stay_whole(provider, open_model):
    model = open_model().bind_tools([send_mail])
    turns = [SystemMessage(SYSTEM), HumanMessage(INTRODUCTION)]
    turns.append(model.invoke(turns))
    whole(turns[-1].text, INTRODUCTION, SUPPORT)
    turns.append(HumanMessage(ERRAND))
    called = model.invoke(turns)
    [call] = called.tool_calls
    assert (call["name"], call["args"]) == ("send_mail", {"card": CARD, "to": BILLING, "body": ERRAND})
    turns += [called, ToolMessage(RESULT, tool_call_id=call["id"])]
    turns.append(model.invoke(turns))
    whole(turns[-1].text, f"The tool answered: {RESULT}", EMAIL, IBAN)
    turns.append(HumanMessage("Danke! 🙏 What else do you remember?"))
    last = model.invoke(turns)
    assert isinstance(last, AIMessage)
    whole(last.text, *INTRODUCED, BILLING, SUPPORT)


@MODELS
def test_streamed_tool_calls_have_real_arguments_and_their_results_come_back(provider, open_model):
    model = open_model().bind_tools([send_mail])

    def ask(turns):
        pieces = list(model.stream(turns))
        assert len(pieces) > 2
        whole_message = pieces[0]
        for piece in pieces[1:]:
            whole_message += piece
        return whole_message

    turns = [SystemMessage(SYSTEM), HumanMessage(INTRODUCTION)]
    turns.append(ask(turns))
    whole(turns[-1].text, INTRODUCTION, SUPPORT)
    turns.append(HumanMessage(ERRAND))
    called = ask(turns)
    [call] = called.tool_calls
    assert (call["name"], call["args"]) == ("send_mail", {"card": CARD, "to": BILLING, "body": ERRAND})
    turns += [called, ToolMessage(send_mail.invoke(call["args"]), tool_call_id=call["id"])]
    whole(ask(turns).text, f"The tool answered: {RESULT}", EMAIL, IBAN)


def test_texts_are_embedded(provider):
    embeddings = OpenAIEmbeddings(
        model="demo-small", base_url=f"{URL}/v1", api_key=KEY, max_retries=0, check_embedding_ctx_length=False,
    )
    first, second = embeddings.embed_documents([INTRODUCTION, "hello"])
    assert first == embeddings.embed_query(INTRODUCTION) != second
