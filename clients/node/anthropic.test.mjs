// Anthropic's TypeScript SDK, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider).

import assert from "node:assert/strict";
import Anthropic, { AuthenticationError, BadRequestError, RateLimitError } from "@anthropic-ai/sdk";
import {
  ARGUMENTS, BILLING, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, IS_DIRECT, PIXEL, PRIVET_KEY, PRIVET_SEEING_KEY,
  PRIVET_SEEING_URL, PRIVET_URL, RESULT, SUPPORT, WRONG_KEY, guarded, parameters, whole,
} from "./gateway.mjs";

const asked = { model: "claude-demo", max_tokens: 1024 };
const system = `If you are stuck, write to ${SUPPORT}.`;
const tools = [{ name: "send_mail", description: "Sends a mail.", input_schema: parameters }];

const clientOf = (credential) => new Anthropic({ baseURL: PRIVET_URL, maxRetries: 0, timeout: 30_000, ...credential });
const client = clientOf({ apiKey: PRIVET_KEY });
const user = (content) => ({ role: "user", content });
const textOf = (message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
const callsOf = (message) => message.content.filter((block) => block.type === "tool_use");

/** One reply, in JSON or put together from a stream. */
const reply = (isStream, body) => (isStream ? client.messages.stream(body).finalMessage() : client.messages.create(body));

for (const isStream of [false, true]) {
  const how = isStream ? "stream" : "json";

  guarded(`a message is whole (${how})`, async (requests) => {
    const message = await reply(isStream, { ...asked, messages: [user(INTRODUCTION)] });
    whole(textOf(message), `You wrote: ${INTRODUCTION}`, ...INTRODUCED);
    assert.equal(message.stop_reason, "end_turn");
    assert.equal(requests().length, 1);
  });

  guarded(`a tool call has real arguments (${how})`, async () => {
    const message = await reply(isStream, { ...asked, messages: [user(ERRAND)], tools, tool_choice: { type: "any" } });
    assert.deepEqual(callsOf(message).map(({ name, input }) => [name, input]), [["send_mail", ARGUMENTS]]);
    assert.equal(message.stop_reason, "tool_use");
  });

  guarded(`three turns with a tool call in between stay whole (${how})`, async () => {
    const messages = [user(INTRODUCTION)];
    const ask = () => reply(isStream, { ...asked, system, messages, tools });
    const first = await ask();
    whole(textOf(first), INTRODUCTION, SUPPORT);
    messages.push({ role: "assistant", content: textOf(first) }, user(ERRAND));
    const second = await ask();
    const [call] = callsOf(second);
    assert.deepEqual(call.input, ARGUMENTS);
    messages.push({ role: "assistant", content: second.content });
    messages.push(user([{ type: "tool_result", tool_use_id: call.id, content: RESULT }]));
    const third = await ask();
    whole(textOf(third), `The tool answered: ${RESULT}`, EMAIL, IBAN);
    messages.push({ role: "assistant", content: textOf(third) }, user("Danke! 🙏 What else do you remember?"));
    whole(textOf(await ask()), ...INTRODUCED, BILLING, SUPPORT);
  });

  // The provider refuses a thinking block that differs from what it signed.
  guarded(`a signed thinking block can be sent back (${how})`, async () => {
    const thinking = { ...asked, model: "claude-demo-thinking" };
    const messages = [user(INTRODUCTION)];
    const first = await reply(isStream, { ...thinking, messages });
    assert.equal(first.content[0].type, "thinking");
    whole(textOf(first), INTRODUCTION);
    messages.push({ role: "assistant", content: first.content }, user("And now?"));
    whole(textOf(await reply(isStream, { ...thinking, messages })), "You wrote: And now?", ...INTRODUCED);
  });
}

guarded("a stream says in pieces what its message says at the end", async () => {
  const stream = client.messages.stream({ ...asked, messages: [user(INTRODUCTION)] });
  let text = "";
  stream.on("text", (piece) => { text += piece; });
  const message = await stream.finalMessage();
  assert.equal(text, textOf(message));
  whole(text, ...INTRODUCED);
});

guarded("a token is taken as the key is", async () => {
  const message = await clientOf({ apiKey: null, authToken: PRIVET_KEY })
    .messages.create({ ...asked, messages: [user(INTRODUCTION)] });
  whole(textOf(message), INTRODUCTION);
});

guarded("the tokens of what is sent are counted", async () => {
  const body = { model: asked.model, messages: [user(INTRODUCTION)], system, tools };
  const counted = await client.messages.countTokens(body);
  const message = await client.messages.create({ ...asked, ...body });
  assert.equal(counted.input_tokens, message.usage.input_tokens);
});

for (const by of ["apiKey", "authToken"]) {
  guarded(`a wrong key is an authentication error (${by})`, async (requests) => {
    const wrong = clientOf({ apiKey: null, authToken: null, [by]: WRONG_KEY });
    const refused = wrong.messages.create({ ...asked, messages: [user(INTRODUCTION)] });
    await assert.rejects(refused, (error) => error instanceof AuthenticationError && error.error.error.type === "authentication_error");
    if (!IS_DIRECT) assert.deepEqual(requests(), []);
  });
}

guarded("an image is a bad request", async (requests) => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } };
  const messages = [user([{ type: "text", text: INTRODUCTION }, image])];
  const refused = client.messages.create({ ...asked, model: "claude-demo-blind", messages });
  await assert.rejects(refused, (error) => error instanceof BadRequestError && error.status === 400);
  if (!IS_DIRECT) assert.deepEqual(requests(), []);
});

guarded("an image that the policy passes is sent as it is beside a masked text", async (requests) => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } };
  const messages = [user([{ type: "text", text: INTRODUCTION }, image])];
  const seeing = clientOf({ apiKey: PRIVET_SEEING_KEY, baseURL: PRIVET_SEEING_URL });
  whole(textOf(await seeing.messages.create({ ...asked, messages })), "[image]", ...INTRODUCED);
  assert.deepEqual(JSON.parse(requests()[0].body).messages[0].content[1], image);
});

guarded("an error of the provider arrives with its headers", async () => {
  const refused = client.messages.create({ ...asked, model: "claude-demo-error-429", messages: [user(INTRODUCTION)] });
  await assert.rejects(refused, (error) => error instanceof RateLimitError && error.headers.get("retry-after") === "1");
});
