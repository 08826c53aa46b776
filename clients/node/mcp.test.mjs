// The Model Context Protocol's TypeScript SDK, unmodified, through the gateway to the demo provider's server of tools.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CARD, EMAIL, IS_DIRECT, PRIVET_KEY, PRIVET_URL, STAND_IN, WRONG_KEY, guarded } from "./gateway.mjs";

const url = new URL(PRIVET_URL + (IS_DIRECT ? "/mcp" : "/mcp/demo"));
const CUSTOMER = "grace.hopper@example.com";

/** Runs `work` with a client that has said hello, and says goodbye. */
async function talk(work, key = PRIVET_KEY) {
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers: { Authorization: `Bearer ${key}` } } });
  const client = new Client({ name: "privet-clients", version: "1.0.0" });
  await client.connect(transport);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** What a server of tools says is masked; straight from it it is not. */
function hidden(text) {
  assert.equal(text.includes(CUSTOMER), IS_DIRECT);
  if (!IS_DIRECT) assert.match(text, STAND_IN);
}

guarded("tools are listed and called, and what they say is masked", () =>
  talk(async (client) => {
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name), ["find_customer", "echo"]);
    const told = [];
    const asked = { name: "find_customer", arguments: { name: "Grace" } };
    const result = await client.callTool(asked, undefined, { onprogress: (progress) => told.push(progress) });
    assert.ok(!result.isError);
    hidden(result.content[0].text);
    assert.deepEqual(told.map(({ progress, total }) => [progress, total]), [[1, 2]]);
    hidden(told[0].message);
  }));

guarded("arguments are masked on their way to a server outside", () =>
  talk(async (client) => {
    const result = await client.callTool({ name: "echo", arguments: { text: `mail ${EMAIL}, card ${CARD}` } });
    assert.equal(result.content[0].text.includes(EMAIL), IS_DIRECT);
  }));

guarded("resources and prompts are masked", () =>
  talk(async (client) => {
    const { resources } = await client.listResources();
    hidden((await client.readResource({ uri: resources[0].uri })).contents[0].text);
    hidden((await client.getPrompt({ name: "letter" })).messages[0].content.text);
  }));

if (!IS_DIRECT) {
  guarded("a tool that is not allowed is an error that says so", () =>
    talk(async (client) => {
      await assert.rejects(client.callTool({ name: "delete_everything", arguments: {} }), /not allowed/);
    }));

  guarded("a wrong key comes to no server of tools", async (requests) => {
    await assert.rejects(talk(async () => {}, WRONG_KEY), /401|key/i);
    assert.deepEqual(requests(), []);
  });
}
