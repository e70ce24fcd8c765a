// The official OpenAI SDK: Responses.

import OpenAI from 'openai';
import { answer, call, serve, weather } from './harness.mjs';

function create(job, more = {}) {
  const client = new OpenAI({ baseURL: `${job.base}/v1`, apiKey: job.key });
  return client.responses.create({ model: job.model, input: job.prompt, ...more });
}

async function plain(job) {
  const got = await create(job);
  return answer(got.output_text, got.usage.input_tokens, got.usage.output_tokens);
}

async function stream(job) {
  let text = '';
  let usage = null;
  for await (const event of await create(job, { stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta;
    if (event.type === 'response.completed') usage = event.response.usage;
  }
  return answer(text, usage.input_tokens, usage.output_tokens);
}

async function tools(job) {
  const got = await create(job, { tools: [{ type: 'function', strict: false, ...weather }] });
  return call(got.output[0].name, got.output[0].arguments);
}

async function abort(job) {
  const opened = await create(job, { stream: true });
  let seen = 0;
  for await (const _ of opened) {
    if (++seen === 8) break;
  }
  opened.controller.abort();
  return { left: true };
}

await serve({ plain, stream, tools, abort });
