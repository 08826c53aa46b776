// openai-node and Vercel's AI SDK, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider).

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";
import OpenAI, { AuthenticationError, BadRequestError } from "openai";
import {
  ARGUMENTS, BILLING, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, IS_DIRECT, PIXEL, PRIVET_KEY, PRIVET_SEEING_KEY,
  PRIVET_SEEING_URL, PRIVET_URL, RESULT, SUPPORT, WRONG_KEY, guarded, parameters, whole,
} from "./gateway.mjs";

const MODEL = "demo-small";
const tools = [{ type: "function", function: { name: "send_mail", description: "Sends a mail.", parameters } }];

const openAt = (apiKey, url = PRIVET_URL) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 30_000 });
const client = openAt(PRIVET_KEY);
// Its policy lets images pass unseen.
const seeing = openAt(PRIVET_SEEING_KEY, PRIVET_SEEING_URL);
const user = (content) => ({ role: "user", content });

guarded("a chat reply is whole", async (requests) => {
  const reply = await client.chat.completions.create({ model: MODEL, messages: [user(INTRODUCTION)] });
  whole(reply.choices[0].message.content, `You wrote: ${INTRODUCTION}`, ...INTRODUCED);
  assert.equal(requests().length, 1);
});

guarded("a chat stream is whole and ends with its usage", async () => {
  const stream = await client.chat.completions.create({
    model: MODEL, messages: [user(INTRODUCTION)], stream: true, stream_options: { include_usage: true },
  });
  let [text, last] = ["", undefined];
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    last = chunk;
  }
  whole(text, `You wrote: ${INTRODUCTION}`, ...INTRODUCED);
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
});

guarded("all streamed choices are whole", async () => {
  const stream = await client.chat.completions.create({ model: MODEL, messages: [user(INTRODUCTION)], stream: true, n: 2 });
  const texts = ["", ""];
  for await (const chunk of stream) {
    for (const choice of chunk.choices) texts[choice.index] += choice.delta.content ?? "";
  }
  for (const text of texts) whole(text, INTRODUCTION);
});

guarded("a tool call has real arguments", async () => {
  const reply = await client.chat.completions.create({ model: MODEL, messages: [user(ERRAND)], tools });
  const [call] = reply.choices[0].message.tool_calls;
  assert.equal(call.function.name, "send_mail");
  assert.deepEqual(JSON.parse(call.function.arguments), ARGUMENTS);
});

guarded("a streamed tool call has real arguments", async () => {
  const stream = client.chat.completions.stream({ model: MODEL, messages: [user(ERRAND)], tools });
  const reply = await stream.finalChatCompletion();
  const [call] = reply.choices[0].message.tool_calls;
  assert.equal(call.function.name, "send_mail");
  assert.deepEqual(JSON.parse(call.function.arguments), ARGUMENTS);
});

for (const isStream of [false, true]) {
  guarded(`three turns with a tool call in between stay whole (${isStream ? "stream" : "json"})`, async () => {
    const messages = [{ role: "system", content: `If you are stuck, write to ${SUPPORT}.` }, user(INTRODUCTION)];
    const ask = async () => {
      const asked = { model: MODEL, messages, tools };
      const reply = isStream
        ? await client.chat.completions.stream(asked).finalChatCompletion()
        : await client.chat.completions.create(asked);
      return reply.choices[0].message;
    };
    const first = await ask();
    whole(first.content, INTRODUCTION, SUPPORT);
    messages.push({ role: "assistant", content: first.content }, user(ERRAND));
    const [call] = (await ask()).tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), ARGUMENTS);
    const { id, type, function: { name, arguments: text } } = call;
    messages.push({ role: "assistant", tool_calls: [{ id, type, function: { name, arguments: text } }] });
    messages.push({ role: "tool", tool_call_id: id, content: RESULT });
    const third = await ask();
    whole(third.content, `The tool answered: ${RESULT}`, EMAIL, IBAN);
    messages.push({ role: "assistant", content: third.content }, user("Danke! 🙏 What else do you remember?"));
    whole((await ask()).content, ...INTRODUCED, BILLING, SUPPORT);
  });
}

const responseTools = [{ type: "function", name: "send_mail", description: "Sends a mail.", strict: false, parameters }];

guarded("a response is whole", async (requests) => {
  const reply = await client.responses.create({ model: MODEL, input: INTRODUCTION });
  whole(reply.output_text, `You wrote: ${INTRODUCTION}`, ...INTRODUCED);
  assert.equal(requests().length, 1);
});

guarded("a streamed response says the same in pieces and at its end", async () => {
  const stream = await client.responses.create({ model: MODEL, input: INTRODUCTION, stream: true });
  const events = [];
  for await (const event of stream) events.push(event);
  const said = events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
  whole(said, `You wrote: ${INTRODUCTION}`, ...INTRODUCED);
  const last = events.at(-1);
  assert.equal(last.type, "response.completed");
  assert.equal(last.response.output.at(-1).content[0].text, said);
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, number) => number));
});

for (const isStream of [false, true]) {
  guarded(`three turns of responses with a tool call in between stay whole (${isStream ? "stream" : "json"})`, async () => {
    const input = [user(INTRODUCTION)];
    const ask = async () => {
      const asked = { model: MODEL, input, tools: responseTools, store: false, instructions: `Write to ${SUPPORT}.` };
      return isStream ? await client.responses.stream(asked).finalResponse() : await client.responses.create(asked);
    };
    const text = (reply) => reply.output.flatMap((item) => item.content ?? []).map((part) => part.text).join("");
    const first = await ask();
    whole(text(first), INTRODUCTION, SUPPORT);
    input.push({ role: "assistant", content: text(first) }, user(ERRAND));
    const [call] = (await ask()).output;
    assert.deepEqual(JSON.parse(call.arguments), ARGUMENTS);
    const { type, call_id, name, arguments: given } = call;
    input.push({ type, call_id, name, arguments: given }, { type: "function_call_output", call_id, output: RESULT });
    const third = await ask();
    whole(text(third), `The tool answered: ${RESULT}`, EMAIL, IBAN);
    input.push({ role: "assistant", content: text(third) }, user("Danke! 🙏 What else do you remember?"));
    whole(text(await ask()), ...INTRODUCED, BILLING, SUPPORT);
  });
}

guarded("texts are embedded the same alone and in a batch", async (requests) => {
  const batch = await client.embeddings.create({ model: MODEL, input: [INTRODUCTION, "hello"] });
  const alone = await client.embeddings.create({ model: MODEL, input: INTRODUCTION });
  assert.equal(JSON.parse(requests()[0].body).encoding_format, "base64");
  assert.deepEqual(batch.data[0].embedding, alone.data[0].embedding);
  assert.notDeepEqual(batch.data[0].embedding, batch.data[1].embedding);
});

guarded("models are listed and told", async () => {
  const models = await client.models.list();
  assert.ok(models.data.some((model) => model.id.startsWith("demo-")));
  assert.equal((await client.models.retrieve("demo-small")).id, "demo-small");
});

guarded("a wrong key is an authentication error", async (requests) => {
  const ask = openAt(WRONG_KEY).chat.completions.create({ model: MODEL, messages: [user(INTRODUCTION)] });
  await assert.rejects(ask, (error) => error instanceof AuthenticationError && error.status === 401);
  if (!IS_DIRECT) assert.deepEqual(requests(), []);
});

guarded("an image is a bad request", async (requests) => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
  const messages = [user([{ type: "text", text: INTRODUCTION }, image])];
  const ask = client.chat.completions.create({ model: "demo-blind", messages });
  await assert.rejects(ask, (error) => error instanceof BadRequestError && error.status === 400);
  if (!IS_DIRECT) assert.deepEqual(requests(), []);
});

const picture = `data:image/png;base64,${PIXEL}`;

guarded("an image that the policy passes is sent as it is beside a masked text", async (requests) => {
  const image = { type: "image_url", image_url: { url: picture, detail: "low" } };
  const messages = [user([{ type: "text", text: INTRODUCTION }, image])];
  const reply = await seeing.chat.completions.create({ model: MODEL, messages });
  whole(reply.choices[0].message.content, "[image_url]", ...INTRODUCED);
  assert.deepEqual(JSON.parse(requests()[0].body).messages[0].content[1], image);
});

guarded("an image of a response that the policy passes is sent as it is beside a masked text", async (requests) => {
  const image = { type: "input_image", image_url: picture, detail: "auto" };
  const input = [user([{ type: "input_text", text: INTRODUCTION }, image])];
  const reply = await seeing.responses.stream({ model: MODEL, input }).finalResponse();
  whole(reply.output.at(-1).content[0].text, "[input_image]", ...INTRODUCED);
  assert.deepEqual(JSON.parse(requests()[0].body).input[0].content[1], image);
});

const sdk = createOpenAI({ baseURL: `${PRIVET_URL}/v1`, apiKey: PRIVET_KEY });
const sdkAnthropic = createAnthropic({ baseURL: `${PRIVET_URL}/v1`, apiKey: PRIVET_KEY });
const sdkModels = { responses: sdk(MODEL), chat: sdk.chat(MODEL), messages: sdkAnthropic("claude-demo") };
const seeingAt = { baseURL: `${PRIVET_SEEING_URL}/v1`, apiKey: PRIVET_SEEING_KEY };
const seeingModels = {
  responses: createOpenAI(seeingAt)(MODEL), chat: createOpenAI(seeingAt).chat(MODEL), messages: createAnthropic(seeingAt)("claude-demo"),
};
const sdkPaths = { responses: "/v1/responses", chat: "/v1/chat/completions", messages: "/v1/messages" };

for (const [name, model] of Object.entries(sdkModels)) {
  guarded(`the AI SDK's ${name} are whole`, async (requests) => {
    const { text } = await generateText({ model, prompt: INTRODUCTION, maxRetries: 0 });
    whole(text, `You wrote: ${INTRODUCTION}`, ...INTRODUCED);
    assert.deepEqual(requests().map(({ path }) => path), [sdkPaths[name]]);
  });

  guarded(`the AI SDK's streamed ${name} are whole`, async () => {
    let text = "";
    for await (const piece of streamText({ model, prompt: INTRODUCTION, maxRetries: 0 }).textStream) text += piece;
    whole(text, INTRODUCTION, ...INTRODUCED);
  });

  guarded(`the AI SDK's tools get real arguments from ${name}`, async () => {
    const given = [];
    const send_mail = tool({
      description: "Sends a mail.",
      inputSchema: jsonSchema(parameters),
      execute: async (input) => {
        given.push(input);
        return RESULT;
      },
    });
    const asked = { model, prompt: ERRAND, tools: { send_mail }, maxRetries: 0 };
    const { toolCalls } = await generateText(asked);
    assert.deepEqual(toolCalls.map(({ input }) => input), [ARGUMENTS]);
    assert.deepEqual(given, [ARGUMENTS]);
  });

  for (const isStream of [false, true]) {
    guarded(`the AI SDK's turns with a tool stay whole with ${name} (${isStream ? "stream" : "json"})`, async (requests) => {
      const given = [];
      const send_mail = tool({
        description: "Sends a mail.",
        inputSchema: jsonSchema(parameters),
        execute: async (input) => {
          given.push(input);
          return RESULT;
        },
      });
      const messages = [];
      const ask = async (words) => {
        messages.push(user(words));
        const instructions = `If you are stuck, write to ${SUPPORT}.`;
        const asked = { model, instructions, messages, tools: { send_mail }, maxRetries: 0, stopWhen: isStepCount(3) };
        let [text, reply] = ["", undefined];
        if (isStream) {
          reply = streamText(asked);
          for await (const piece of reply.textStream) text += piece;
        } else {
          reply = await generateText(asked);
          text = reply.text;
        }
        messages.push(...(await reply.responseMessages));
        return text;
      };
      whole(await ask(INTRODUCTION), INTRODUCTION, SUPPORT);
      // The call, its result, and what the model says of it.
      whole(await ask(ERRAND), `The tool answered: ${RESULT}`, EMAIL, IBAN);
      assert.deepEqual(given, [ARGUMENTS]);
      whole(await ask("Danke! 🙏 What else do you remember?"), ...INTRODUCED, BILLING, SUPPORT);
      assert.deepEqual(requests().map(({ path }) => path), Array(4).fill(sdkPaths[name]));
    });
  }

  guarded(`the AI SDK's images pass with ${name} where the policy passes them`, async (requests) => {
    const content = [{ type: "text", text: INTRODUCTION }, { type: "file", mediaType: "image/png", data: PIXEL }];
    const { text } = await generateText({ model: seeingModels[name], messages: [user(content)], maxRetries: 0 });
    whole(text, "image", ...INTRODUCED);
    assert.ok(requests()[0].body.includes(PIXEL));
  });
}

guarded("the AI SDK's texts are embedded", async () => {
  const { embeddings } = await embedMany({ model: sdk.embedding(MODEL), values: [INTRODUCTION, "hello"], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
});
