// SPDX-License-Identifier: Apache-2.0
// Both official clients behind `sallyport connect`, as a user has them: made
// without any option, so all they know is in the environment's base URLs.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { briefEnds, check, checksum, equal, run, thrown, until } from './common.mjs';

const openai = new OpenAI();
const anthropic = new Anthropic();
const prompt = 'hello there tokens=12 pace=100';
const messages = [{ role: 'user', content: prompt }];
const endless = [{ role: 'user', content: 'go on tokens=90000 pace=25' }];

async function drain(stream) {
  for await (const _ of await stream);
}
// Open when the window ends: started first, judged later.
const cuts = {
  openai: thrown(() => drain(openai.chat.completions.create({ model: 'brief', stream: true, messages: endless }))),
  responses: thrown(() => drain(openai.responses.create({ model: 'brief', stream: true, input: endless[0].content }))),
  anthropic: thrown(() => drain(anthropic.messages.create(
    { model: 'brief', max_tokens: 90000, stream: true, messages: endless }))),
};

const codeOf = (error) => error?.code ?? error?.error?.error?.details?.error_code;

await run({
  'openai chat': async () => {
    const answer = await openai.chat.completions.create({ model: 'orion', messages });
    equal(answer.choices[0].message.content.split(' ')[0], checksum(prompt), 'openai: the answer to this prompt');
    const { data, response } = await openai.chat.completions.create({ model: 'orion', messages }).withResponse();
    check(data.usage.completion_tokens === 12, 'openai: usage', data.usage);
    check(/^\d+;[0-9a-f]{32}$/.test(response.headers.get('x-sallyport-receipt')), "openai: the gateway's fields pass");
  },

  'openai stream': async () => {
    let text = '';
    for await (const chunk of await openai.chat.completions.create({ model: 'orion', messages, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? '';
    }
    equal(text.split(' ')[0], checksum(prompt), 'openai stream: the answer to this prompt');
    equal(text.split(' ').length, 12, 'openai stream: all of it');
  },

  'openai responses': async () => {
    let last;
    for await (const event of await openai.responses.create({ model: 'orion', input: prompt, stream: true })) last = event;
    equal(last.type, 'response.completed', 'openai responses: the last event');
  },

  'models': async () => {
    const ids = [];
    for await (const model of openai.models.list()) ids.push(model.id);
    check(ids.includes('orion'), 'openai: models.list', ids);
  },

  'anthropic messages': async () => {
    const answer = await anthropic.messages.create({ model: 'orion', max_tokens: 100, messages });
    equal(answer.content[0].text.split(' ')[0], checksum(prompt), 'anthropic: the answer to this prompt');
  },

  'anthropic stream': async () => {
    const stream = anthropic.messages.stream({ model: 'orion', max_tokens: 100, messages });
    const answer = await stream.finalMessage();
    equal(answer.content[0].text.split(' ').length, 12, 'anthropic stream: all of it');
  },

  '403': async () => {
    const error = await thrown(() => openai.chat.completions.create({ model: 'later', messages }));
    check(error instanceof OpenAI.PermissionDeniedError, 'openai 403: PermissionDeniedError', String(error));
    equal(codeOf(error), 'window_not_open', 'openai 403: code');
    const other = await thrown(() => anthropic.messages.create({ model: 'later', max_tokens: 9, messages }));
    check(other instanceof Anthropic.PermissionDeniedError, 'anthropic 403: PermissionDeniedError', String(other));
    equal(codeOf(other), 'window_not_open', 'anthropic 403: code');
  },

  '429': async () => {
    const call = () => openai.chat.completions.create({ model: 'tight', messages }, { maxRetries: 0 });
    const error = await thrown(call);
    check(error instanceof OpenAI.RateLimitError, 'openai 429: RateLimitError', String(error));
    equal(error.code, 'rate_limited', 'openai 429: code');
    check(Number(error.headers.get('retry-after')) > 0, 'openai 429: Retry-After', error.headers.get('retry-after'));
    const other = await thrown(() => anthropic.messages.create({ model: 'tight', max_tokens: 9, messages }, { maxRetries: 0 }));
    check(other instanceof Anthropic.RateLimitError, 'anthropic 429: RateLimitError', String(other));
    check(Number(other.headers.get('retry-after')) > 0, 'anthropic 429: Retry-After');
  },

  'the window ends in mid-stream': async () => {
    for (const [name, cut] of Object.entries(cuts)) {
      const error = await cut;
      const late = Date.now() - briefEnds;
      check(error instanceof OpenAI.APIError || error instanceof Anthropic.APIError, `${name} cut: APIError`, String(error));
      equal(codeOf(error), 'window_expired', `${name} cut: code`);
      check(late >= -1 && late < 5000, `${name} cut: at the end of the window`, late);
    }
  },

  'after the window': async () => {
    await until(briefEnds + 50);
    const error = await thrown(() => openai.chat.completions.create({ model: 'brief', messages }));
    check(error instanceof OpenAI.PermissionDeniedError, 'after the window: PermissionDeniedError', String(error));
    equal(error.code, 'window_expired', 'after the window: code');
  },
});
