// The official Anthropic SDK: messages.

import Anthropic from '@anthropic-ai/sdk';
import { answer, call, serve, weather } from './harness.mjs';

const client = (job) => new Anthropic({ baseURL: job.base, apiKey: job.key });
const parameters = (job, more = {}) => ({
  model: job.model,
  max_tokens: 1024,
  messages: [{ role: 'user', content: job.prompt }],
  ...more,
});

async function plain(job) {
  const got = await client(job).messages.create(parameters(job));
  return answer(got.content[0].text, got.usage.input_tokens, got.usage.output_tokens);
}

async function stream(job) {
  const got = await client(job).messages.stream(parameters(job)).finalMessage();
  return answer(got.content[0].text, got.usage.input_tokens, got.usage.output_tokens);
}

async function tools(job) {
  const { name, description, parameters: schema } = weather;
  const got = await client(job).messages.create(
    parameters(job, { tools: [{ name, description, input_schema: schema }] }),
  );
  return call(got.content[0].name, got.content[0].input);
}

async function abort(job) {
  const opened = await client(job).messages.create(parameters(job, { stream: true }));
  let seen = 0;
  for await (const _ of opened) {
    if (++seen === 8) break;
  }
  opened.controller.abort();
  return { left: true };
}

await serve({ plain, stream, tools, abort });
