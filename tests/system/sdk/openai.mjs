// SPDX-License-Identifier: Apache-2.0
// The official OpenAI client through the gate.
import OpenAI from 'openai';
import { attempts, briefEnds, check, checksum, connection, equal, gate, run, thrown, until } from './common.mjs';

const client = new OpenAI({ ...connection, apiKey: 'unused', baseURL: `${gate}/v1` });
const prompt = 'hello there tokens=12 pace=100';
const messages = [{ role: 'user', content: prompt }];
const endless = 'go on tokens=90000 pace=25';

// Streams that are open when the window ends: started first, judged later.
async function drain(stream) {
  let events = 0;
  for await (const _ of await stream) events++;
  return events;
}
const cuts = {
  chat: thrown(() => drain(client.chat.completions.create(
    { model: 'brief', stream: true, messages: [{ role: 'user', content: endless }] }))),
  completions: thrown(() => drain(client.completions.create(
    { model: 'brief', stream: true, prompt: endless, max_tokens: 90000 }))),
  responses: thrown(() => drain(client.responses.create(
    { model: 'brief', stream: true, input: endless }))),
};

function nothingHidden(answer, text) {
  check(!JSON.stringify(answer).includes('-hidden'), `${text}: the upstream's model name is not shown`, answer);
}

await run({
  'models.list': async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    equal(ids.sort().join(), 'brief,orion', 'models.list shows what this party has windows for');
  },

  'models.retrieve': async () => {
    equal((await client.models.retrieve('orion')).id, 'orion', 'models.retrieve');
    const error = await thrown(() => client.models.retrieve('other'));
    check(error instanceof OpenAI.NotFoundError, "models.retrieve of another party's model: NotFoundError", error);
  },

  'chat.completions.create': async () => {
    const answer = await client.chat.completions.create({ model: 'orion', messages });
    equal(answer.choices[0].message.content.split(' ')[0], checksum(prompt), 'chat: the answer to this prompt');
    equal(answer.choices[0].finish_reason, 'stop', 'chat: finish_reason');
    equal(answer.usage.completion_tokens, 12, 'chat: usage');
    nothingHidden(answer, 'chat');
  },

  'a token ceiling': async () => {
    const answer = await client.chat.completions.create({ model: 'orion', messages, max_completion_tokens: 5 });
    equal(answer.choices[0].finish_reason, 'length', 'chat: the ceiling reaches the model');
    equal(answer.usage.completion_tokens, 5, 'chat: and is what is used');
  },

  'chat stream': async () => {
    let text = '';
    let usage, finish;
    const stream = await client.chat.completions.create(
      { model: 'orion', messages, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      finish ??= chunk.choices[0]?.finish_reason ?? undefined;
      usage = chunk.usage ?? usage;
      if (chunk.choices.length === 0) nothingHidden(chunk, 'chat stream');
    }
    equal(text.split(' ')[0], checksum(prompt), 'chat stream: the answer to this prompt');
    equal(text.split(' ').length, 12, 'chat stream: all of it');
    equal(finish, 'stop', 'chat stream: finish_reason');
    equal(usage?.completion_tokens, 12, 'chat stream: usage');
  },

  'completions.create': async () => {
    const answer = await client.completions.create({ model: 'orion', prompt, max_tokens: 7 });
    equal(answer.choices[0].text.split(' ')[0], checksum(prompt), 'completions: the answer to this prompt');
    equal(answer.usage.completion_tokens, 7, 'completions: usage');
  },

  'responses.create': async () => {
    const answer = await client.responses.create({ model: 'orion', input: prompt });
    equal(answer.output_text.split(' ')[0], checksum(prompt), 'responses: the answer to this prompt');
    equal(answer.usage.output_tokens, 12, 'responses: usage');
    nothingHidden(answer, 'responses');
  },

  'responses stream': async () => {
    let text = '';
    let last;
    for await (const event of await client.responses.create({ model: 'orion', input: prompt, stream: true })) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      last = event;
    }
    equal(last.type, 'response.completed', 'responses stream: the last event');
    equal(last.response.output_text ?? text, text, 'responses stream: the text');
    equal(text.split(' ').length, 12, 'responses stream: all of it');
    nothingHidden(last, 'responses stream');
  },

  'an unknown model': async () => {
    const before = attempts;
    const error = await thrown(() => client.chat.completions.create({ model: 'no-such-model', messages }));
    check(error instanceof OpenAI.NotFoundError, 'unknown model: NotFoundError', error);
    equal(error.code, 'model_not_found', 'unknown model: code');
    equal(attempts - before, 1, 'unknown model: one attempt');
    const other = await thrown(() => client.chat.completions.create({ model: 'other', messages }));
    equal(other.message, error.message, "another party's model: the same message");
  },

  'the window ends in mid-stream': async () => {
    for (const [name, cut] of Object.entries(cuts)) {
      const error = await cut;
      const late = Date.now() - briefEnds;
      check(error instanceof OpenAI.APIError, `${name} cut: APIError`, String(error));
      equal(error.code, 'window_expired', `${name} cut: code`);
      check(late >= -1 && late < 5000, `${name} cut: at the end of the window`, late);
    }
  },

  'after the window': async () => {
    await until(briefEnds + 50);
    const before = attempts;
    const error = await thrown(() => client.chat.completions.create({ model: 'brief', messages }));
    check(error instanceof OpenAI.PermissionDeniedError, 'after the window: PermissionDeniedError', String(error));
    equal(error.code, 'window_expired', 'after the window: code');
    equal(attempts - before, 1, 'after the window: not retried');
  },
});
