// SPDX-License-Identifier: Apache-2.0
// What both clients' tests share: the way to the gate as SDK users configure
// it, checks, and the prompt's checksum that the demo model answers with.
//
// Environment: GATE (https://HOST:PORT), CA, CERT, KEY (PEM files), BRIEF_ENDS
// (ms UTC: when the window of the model "brief" ends).
import fs from 'node:fs';
import { Agent } from 'undici';

export const gate = process.env.GATE;
export const briefEnds = Number(process.env.BRIEF_ENDS);

let failures = 0;
let checks = 0;

export function check(holds, text, seen) {
  checks++;
  if (!holds) failures++;
  const shown = holds || seen === undefined ? '' : ` -- saw ${JSON.stringify(seen) ?? seen}`;
  console.log(`${holds ? 'ok' : 'FAIL'} ${text}${shown}`);
}

export function equal(have, want, text) {
  check(have === want, text, { have, want });
}

// Runs named steps one after the other; one that throws does not stop the rest.
export async function run(steps) {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
    } catch (error) {
      check(false, name, `${error?.name}: ${error?.message} ${error?.cause ?? ''}`);
    }
  }
  process.exit(failures === 0 && checks > 0 ? 0 : 1);
}

// Resolves to what `work` throws.
export async function thrown(work) {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return new Error('nothing was thrown');
}

export const until = (ms) =>
  new Promise((done) => setTimeout(done, Math.max(0, ms - Date.now())));

export let attempts = 0;

// Mutual TLS as the SDKs' own documentation does it, and a fetch that counts.
export const connection = {
  timeout: 30_000,
  fetchOptions: {
    dispatcher: new Agent({
      connect: {
        ca: fs.readFileSync(process.env.CA),
        cert: fs.readFileSync(process.env.CERT),
        key: fs.readFileSync(process.env.KEY),
      },
    }),
  },
  fetch: (url, init) => {
    attempts++;
    return fetch(url, init);
  },
};

// CRC-32 of a prompt of one text, as the demo model's first word.
export function checksum(prompt) {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(prompt + '\n')) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((~crc) >>> 0).toString(16).padStart(8, '0');
}
