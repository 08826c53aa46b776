"""The Model Context Protocol's own SDK, unmodified, through the gateway to the demo provider's server of tools."""

import asyncio
import os

import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

from private_values import CARD, EMAIL, STAND_IN

DIRECT = os.environ.get("PRIVET_DIRECT") == "1"
URL = os.environ["PRIVET_URL"] + ("/mcp" if DIRECT else "/mcp/demo")
KEY = os.environ["PRIVET_KEY"]
SECRET = "grace.hopper@example.com"


def talk(work, key=KEY, mode="auto"):
    async def run():
        async with create_mcp_http_client(headers={"Authorization": f"Bearer {key}"}) as http:
            async with Client(streamable_http_client(URL, http_client=http), mode=mode) as client:
                return await work(client)

    return asyncio.run(asyncio.wait_for(run(), 60))


def hidden(text):
    """What a tool says is masked; straight from the server it is not."""
    if DIRECT:
        return SECRET in text
    return SECRET not in text and bool(STAND_IN.search(text))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_are_listed_and_called_and_what_they_say_is_masked(provider, mode):
    async def work(client):
        tools = await client.list_tools()
        assert [tool.name for tool in tools.tools] == ["find_customer", "echo"]
        told = []

        async def progress(done, total, message):
            told.append((done, total, message))

        result = await client.call_tool("find_customer", {"name": "Grace"}, progress_callback=progress)
        assert not result.is_error
        return told, result.content[0].text

    told, text = talk(work, mode=mode)
    assert hidden(text)
    assert [(done, total) for done, total, _ in told] == [(1, 2)]
    assert hidden(told[0][2])


def test_arguments_are_masked_on_their_way_to_a_server_outside(provider):
    async def work(client):
        result = await client.call_tool("echo", {"text": f"mail {EMAIL}, card {CARD}"})
        return result.content[0].text

    text = talk(work)
    assert (EMAIL in text) == DIRECT


def test_resources_and_prompts_are_masked(provider):
    async def work(client):
        listed = await client.list_resources()
        read = await client.read_resource(listed.resources[0].uri)
        prompt = await client.get_prompt("letter")
        return read.contents[0].text, prompt.messages[0].content.text

    for text in talk(work):
        assert hidden(text)


@pytest.mark.skipif(DIRECT, reason="the gateway's own")
def test_a_tool_that_is_not_allowed_is_an_error_that_says_so(provider):
    async def work(client):
        with pytest.raises(MCPError) as refused:
            await client.call_tool("delete_everything", {})
        return str(refused.value)

    assert "not allowed" in talk(work)
