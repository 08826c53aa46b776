// What the tests of all clients share: the gateway's address, private values, and the look at what reached the provider.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";

export const { PRIVET_URL, PRIVET_KEY, PRIVET_SEEING_URL, PRIVET_SEEING_KEY } = process.env;
const { PRIVET_RECORDING, PRIVET_DIRECT } = process.env;
export const IS_DIRECT = PRIVET_DIRECT === "1";
export const WRONG_KEY = PRIVET_KEY.slice(0, 12) + (PRIVET_KEY[12] === "A" ? "B" : "A") + PRIVET_KEY.slice(13);

// Publicly known test values. The key is in two parts, so that scanners do not take it for a real one.
export const EMAIL = "joerg.mueller@example.com";
export const CARD = "4111 1111 1111 1111";
export const IBAN = "DE89 3704 0044 0532 0130 00";
const PHONE = "+1 202-555-0143";
const SSN = "078-05-1120";
const ADDRESS = "198.51.100.23";
const API_KEY = ["sk-proj-", "Zq3vN8kT1xWb7Rj5Ld2Pf9Hs6Mc4Yg0Ae"].join("");
export const BILLING = "billing@example.com";
export const SUPPORT = "support@example.org";
export const INTRODUCED = [EMAIL, CARD, IBAN, PHONE, SSN, ADDRESS, API_KEY];
const PRIVATE = [...INTRODUCED, BILLING, SUPPORT];
export const STAND_IN = /[A-Z_]+_[0-9A-HJKMNP-TV-Z]{13}/;

export const INTRODUCTION =
  `Grüße aus Köln 👋🏽 (日本語も少し). My e-mail is ${EMAIL}, my phone number is ${PHONE}, my social security number ` +
  `(SSN) is ${SSN}. I pay with the card ${CARD} or from the account IBAN ${IBAN}. My server is at IP address ` +
  `${ADDRESS}; its API key is ${API_KEY}.`;
export const ERRAND = `Please call send_mail: send my card number ${CARD} to ${BILLING} – größte Eile 🚀.`;
export const RESULT = `Sent to ${BILLING} ✅ (card ${CARD})`;
export const ARGUMENTS = { card: CARD, to: BILLING, body: ERRAND };
const string = { type: "string" };
export const parameters = {
  type: "object",
  properties: { card: string, to: string, body: string },
  required: ["card", "to", "body"],
};

// A picture of one pixel.
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Every key, string and number in `value`, and those in JSON inside strings. */
function strings(value) {
  if (typeof value === "number") return [String(value)];
  if (typeof value === "string") {
    try {
      return /^[{["]/.test(value) ? [value, ...strings(JSON.parse(value))] : [value];
    } catch {
      return [value];
    }
  }
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, item]) => [name, ...strings(item)]);
}

const normalized = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
const digits = (text) => text.replace(/[^0-9]/g, "");

/** The private values in recorded `requests`. */
function leaks(requests) {
  const found = [];
  for (const { path, headers, body } of requests) {
    for (const text of [`${path}\n${JSON.stringify(headers)}\n${body}`, strings(body).join("\n")]) {
      const [plain, number] = [normalized(text), digits(text)];
      const isIn = (value) =>
        text.includes(value) || plain.includes(normalized(value)) || (digits(value).length > 6 && number.includes(digits(value)));
      found.push(...PRIVATE.filter(isIn));
    }
  }
  return found;
}

/** A test that fails if a private value reaches the provider; it is passed a function that gives the requests so far. */
export function guarded(name, body) {
  test(name, { timeout: 60_000 }, async () => {
    const start = statSync(PRIVET_RECORDING).size;
    const requests = () => {
      const lines = readFileSync(PRIVET_RECORDING).subarray(start).toString("utf8").split("\n");
      return lines.filter(Boolean).map((line) => JSON.parse(line));
    };
    await body(requests);
    if (!IS_DIRECT) assert.deepEqual(leaks(requests()), []);
  });
}

/** Asserts that `values` are in `text` and no stand-in is left. */
export function whole(text, ...values) {
  assert.deepEqual(values.filter((value) => !text.includes(value)), []);
  assert.doesNotMatch(text, STAND_IN);
}
