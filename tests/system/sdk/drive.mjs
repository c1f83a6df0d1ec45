// SPDX-License-Identifier: Apache-2.0
// Makes a client's calls as the test says, one JSON line each on stdin, and
// tells on stdout what the client made of each: the class that it threw, what
// is in it, and the head of every answer that it was given on the way.
//
// A call: id, gate, ca, cert (stem of PEM files), call (a method of the client,
// "chat.completions.create"), args, options, stream; local (the address to come
// from), lane (calls of one lane share connections), and wire, what a proxy or
// a fetch of the user's own would change: body (other bytes), stall (a body
// that stops), plain (node:https, which sends headers that fetch does not).
import fs from 'node:fs';
import https from 'node:https';
import readline from 'node:readline';
import { Agent } from 'undici';

const agents = new Map();

function identity(what) {
  return {
    ca: fs.readFileSync(what.ca),
    cert: fs.readFileSync(`${what.cert}.crt`),
    key: fs.readFileSync(`${what.cert}.key`),
  };
}

function agentOf(what) {
  const key = JSON.stringify([what.gate, what.cert, what.local, what.lane]);
  if (!agents.has(key)) {
    agents.set(key, new Agent({ keepAliveTimeout: 100_000, localAddress: what.local, connect: identity(what) }));
  }
  return agents.get(key);
}

function plainFetch(what, url, init) {
  return new Promise((done, fail) => {
    const headers = Object.fromEntries(new Headers(init.headers));
    const request = https.request(url, { ...identity(what), method: init.method, headers, agent: false }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', fail);
      answer.on('end', () => done(new Response(Buffer.concat(pieces), { status: answer.statusCode, headers: answer.headers })));
    });
    request.on('error', fail);
    request.end(init.body);
  });
}

function stalled() {
  return new ReadableStream({ start: (s) => s.enqueue(Buffer.from('{"model":')) });
}

// The fetch that a client is given: it remembers each attempt.
function fetchOf(what, attempts) {
  return async (url, init) => {
    const wire = what.wire ?? {};
    const attempt = {};
    attempts.push(attempt);
    init = { ...init };
    if (wire.body !== undefined) init.body = wire.body;
    if (wire.stall) Object.assign(init, { body: stalled(), duplex: 'half' });
    try {
      const answer = await (wire.plain ? plainFetch(what, url, init) : fetch(url, init));
      attempt.status = answer.status;
      attempt.headers = Object.fromEntries(answer.headers);
      return answer;
    } catch (error) {
      attempt.error = `${error.message}: ${error.cause?.message ?? ''}`;
      throw error;
    }
  };
}

// The name under which the client's package exports the class of an error.
function nameOf(exported, error) {
  const found = Object.entries(exported).find(([name, value]) => name.endsWith('Error') && error?.constructor === value);
  return found?.[0] ?? `${error?.constructor?.name}: ${error?.message} ${error?.cause ?? ''}`;
}

async function make(client, what, say) {
  const names = what.call.split('.');
  const method = names.pop();
  const owner = names.reduce((object, name) => object[name], client);
  const answer = owner[method](...what.args, what.options);
  if (!what.stream) return answer;
  for await (const _ of await answer) say({ begun: true });
}

// Runs until stdin ends. `fieldsOf` takes code, param and so on out of an error.
export async function drive(exported, base, fieldsOf) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const what = JSON.parse(line);
    const attempts = [];
    let begun = false;
    const say = (told) => {
      if (told.begun && begun) return;
      begun = true;
      console.log(JSON.stringify({ id: what.id, ...told }));
    };
    const client = new exported.default({
      apiKey: 'unused',
      baseURL: base(what.gate),
      timeout: 100_000,
      fetch: fetchOf(what, attempts),
      fetchOptions: { dispatcher: agentOf(what) },
    });
    make(client, what, say).then(
      () => say({ class: 'served', attempts }),
      (error) => say({ class: nameOf(exported, error), status: error?.status, requestID: error?.requestID, ...fieldsOf(error), attempts }));
  }
  process.exit(0);
}
