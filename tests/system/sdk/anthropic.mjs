// SPDX-License-Identifier: Apache-2.0
// The official Anthropic client through the gate.
import Anthropic from '@anthropic-ai/sdk';
import { attempts, briefEnds, check, checksum, connection, equal, gate, run, thrown, until } from './common.mjs';

const client = new Anthropic({ ...connection, apiKey: 'unused', baseURL: gate });
const prompt = 'hello there tokens=12 pace=100';
const messages = [{ role: 'user', content: prompt }];
const endless = [{ role: 'user', content: 'go on tokens=90000 pace=25' }];

async function drain(stream) {
  for await (const _ of await stream);
}
// Open when the window ends: started first, judged later.
const cuts = {
  'messages.create': thrown(() => drain(client.messages.create(
    { model: 'brief', max_tokens: 90000, stream: true, messages: endless }))),
  'messages.stream': thrown(() => client.messages.stream(
    { model: 'brief', max_tokens: 90000, messages: endless }).finalMessage()),
};

function codeOf(error) {
  return error.error?.error?.details?.error_code;
}

function nothingHidden(answer, text) {
  check(!JSON.stringify(answer).includes('-hidden'), `${text}: the upstream's model name is not shown`, answer);
}

await run({
  'messages.create': async () => {
    const answer = await client.messages.create({ model: 'orion', max_tokens: 100, messages });
    equal(answer.content[0].text.split(' ')[0], checksum(prompt), 'messages: the answer to this prompt');
    equal(answer.stop_reason, 'end_turn', 'messages: stop_reason');
    equal(answer.usage.output_tokens, 12, 'messages: usage');
    nothingHidden(answer, 'messages');
  },

  'a token ceiling': async () => {
    const answer = await client.messages.create({ model: 'orion', max_tokens: 5, messages });
    equal(answer.stop_reason, 'max_tokens', 'messages: the ceiling reaches the model');
    equal(answer.usage.output_tokens, 5, 'messages: and is what is used');
  },

  'messages.stream': async () => {
    let text = '';
    const stream = client.messages.stream({ model: 'orion', max_tokens: 100, messages });
    stream.on('text', (piece) => { text += piece; });
    const answer = await stream.finalMessage();
    equal(text.split(' ')[0], checksum(prompt), 'messages stream: the answer to this prompt');
    equal(answer.content[0].text, text, 'messages stream: all of it');
    equal(answer.usage.output_tokens, 12, 'messages stream: usage');
    nothingHidden(answer, 'messages stream');
  },

  'messages.countTokens': async () => {
    const answer = await client.messages.countTokens({ model: 'orion', messages });
    equal(answer.input_tokens, 4, 'countTokens');
  },

  'an unknown model': async () => {
    const before = attempts;
    const error = await thrown(() => client.messages.create({ model: 'no-such-model', max_tokens: 5, messages }));
    check(error instanceof Anthropic.NotFoundError, 'unknown model: NotFoundError', String(error));
    equal(error.type, 'not_found_error', 'unknown model: type');
    equal(codeOf(error), 'model_not_found', 'unknown model: code');
    equal(attempts - before, 1, 'unknown model: one attempt');
  },

  'the window ends in mid-stream': async () => {
    for (const [name, cut] of Object.entries(cuts)) {
      const error = await cut;
      const late = Date.now() - briefEnds;
      check(error instanceof Anthropic.APIError, `${name} cut: APIError`, String(error));
      equal(error.type, 'permission_error', `${name} cut: type`);
      equal(codeOf(error), 'window_expired', `${name} cut: code`);
      check(late >= -1 && late < 5000, `${name} cut: at the end of the window`, late);
    }
  },

  'after the window': async () => {
    await until(briefEnds + 50);
    const before = attempts;
    const error = await thrown(() => client.messages.create({ model: 'brief', max_tokens: 5, messages }));
    check(error instanceof Anthropic.PermissionDeniedError, 'after the window: PermissionDeniedError', String(error));
    equal(codeOf(error), 'window_expired', 'after the window: code');
    equal(attempts - before, 1, 'after the window: not retried');
  },
});
