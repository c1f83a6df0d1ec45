// SPDX-License-Identifier: Apache-2.0
// A third reader of forwarded bodies: JSON.parse, and what a decision depends
// on found in its tree. Reads what policy/test_differential wrote (argument 1):
// rows of the table of fields, then per body the gateway's facts and tree and
// the bytes. Prints each difference and at the end how many were the same.
import fs from 'node:fs';
import readline from 'node:readline';

const OBJECT = 3, FREE = 4, SET = 5; // enum field_shape
const NUMBER = 1;
const PART = 0; // enum field_default
const CHAT = 1, COMPLETIONS = 2, RESPONSES = 3, MESSAGES = 4, COUNT_TOKENS = 5; // enum route
const OTHERS = 0, PREFILL = 1;
const rows = [];
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const own = (object, name) => (object !== null && typeof object === 'object' && Object.hasOwn(object, name) ? object[name] : undefined);

function bytes(text) {
  let out = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x27 && byte !== 0x25;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return `'${out}'`;
}

const string = (text) => (text.includes('\0') ? `zero${Buffer.byteLength(text)}` : bytes(text));
const view = new DataView(new ArrayBuffer(8));

function number(value) {
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, '0');
}

const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function tree(value) {
  if (typeof value === 'string') return string(value);
  if (typeof value === 'number') return number(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map((e) => `${tree(e)} `).join('')}]`;
  const members = Object.keys(value).map((name) => `${string(name)}:${tree(value[name])}`);
  return `{${members.sort(byBytes).map((m) => `${m} `).join('')}}`;
}

function row(route, parent, name) {
  const before = parent === null ? '' : `${parent.like ?? parent.path}.`;
  return rows.find((r, i) => i > PREFILL && r.routes & (1 << route) && r.path === before + name);
}

function tellType(found, type) {
  const name = typeof type === 'string' && /^[a-z0-9_.-]{1,48}$/.test(type) ? type : '?';
  if (found.types.includes(name) || found.types.includes('?')) return;
  found.types.push(found.types.join(',').length + name.length + 1 > 190 ? '?' : name);
}

function member(found, route, info, value) {
  if (info.path === 'tools' && Array.isArray(value))
    for (const tool of value) {
      const type = own(tool, 'type');
      found.tools++;
      tellType(found, type === undefined ? (route === MESSAGES || route === COUNT_TOKENS ? 'custom' : 'function') : type);
    }
  if (info.path === 'functions' && Array.isArray(value)) {
    found.tools += value.length;
    if (value.length > 0) tellType(found, 'function');
  }
  if (info.otherwise === PART || value === null || (info.off && value === false)) return;
  found.fields.add(info.number);
}

function find(found, route, value, info) {
  const shape = info === null ? OBJECT : info.shape;
  if (shape === FREE) return;
  if (Array.isArray(value)) {
    for (const element of value) find(found, route, element, info);
  } else if (shape === SET && typeof value === 'string') {
    const choice = row(route, info, value);
    if (choice === undefined) found.fields.add(OTHERS);
    else if (choice.otherwise !== PART) found.fields.add(choice.number);
  } else if (shape === OBJECT && value !== null && typeof value === 'object') {
    for (const name of Object.keys(value)) {
      const below = row(route, info, name);
      if (below === undefined) {
        found.fields.add(OTHERS);
      } else if (info !== null || value[name] !== null) {
        member(found, route, below, value[name]);
        find(found, route, value[name], below);
      }
    }
  }
}

const CEILINGS = { [CHAT]: ['max_completion_tokens', 'max_tokens'], [COMPLETIONS]: ['max_tokens'],
  [RESPONSES]: ['max_output_tokens'], [MESSAGES]: ['max_tokens'] };

function facts(route, body) {
  const found = { fields: new Set(), tools: 0, types: [] };
  find(found, route, body, null);
  const talk = own(body, route === RESPONSES ? 'input' : 'messages');
  if (route !== COMPLETIONS && route !== COUNT_TOKENS && Array.isArray(talk) && own(talk.at(-1), 'role') === 'assistant')
    found.fields.add(PREFILL);
  const ceiling = (CEILINGS[route] ?? []).map((name) => own(body, name)).find((v) => typeof v === 'number') ?? -1;
  const fields = [...found.fields].sort((a, b) => a - b).map((f) => `${rows[f].path},`).join('');
  return `model=${bytes(own(body, 'model'))} stream=${Number(own(body, 'stream') === true)} ceiling=${ceiling} `
    + `tools=${found.tools} types=${found.types.join(',')} fields=${fields}`;
}

let same = 0;
let different = 0;

function differ(what, hex, ours, theirs) {
  if (different++ < 5) console.log(`${what} of ${Buffer.from(hex, 'hex')}\n  ours   ${ours}\n  theirs ${theirs}`);
}

for await (const line of readline.createInterface({ input: fs.createReadStream(process.argv[2]), crlfDelay: 0 })) {
  const parts = line.split('\t');
  if (parts[0] === 'field') {
    const [, n, path, routes, shape, otherwise, like, off] = parts;
    rows.push({ number: Number(n), path, routes: Number(routes), shape: Number(shape), otherwise: Number(otherwise),
      like: like === '-' ? undefined : like, off: off === '1' });
    continue;
  }
  const [route, , ours, theTree, hex] = parts;
  let body;
  try {
    body = JSON.parse(decoder.decode(Buffer.from(hex, 'hex')));
  } catch (error) {
    differ('not read', hex, '', String(error));
    continue;
  }
  const theirs = facts(Number(route), body);
  if (theirs !== ours) differ('facts', hex, ours, theirs);
  else if (tree(body) !== theTree) differ('tree', hex, theTree, tree(body));
  else same++;
}
if (rows[PREFILL]?.path !== 'prefill' || rows.every((r) => r.shape !== NUMBER)) throw new Error('no table of fields');
console.log(JSON.stringify({ same, different }));
