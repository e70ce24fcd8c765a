// The official OpenAI SDK: chat completions.

import OpenAI from 'openai';
import { answer, call, serve, weather } from './harness.mjs';

function create(job, more = {}) {
  const client = new OpenAI({ baseURL: `${job.base}/v1`, apiKey: job.key });
  const messages = [{ role: 'user', content: job.prompt }];
  return client.chat.completions.create({ model: job.model, messages, ...more });
}

async function plain(job) {
  const got = await create(job);
  return answer(got.choices[0].message.content, got.usage.prompt_tokens, got.usage.completion_tokens);
}

async function stream(job) {
  let text = '';
  for await (const chunk of await create(job, { stream: true })) {
    if (chunk.usage || chunk.choices.length === 0) throw new Error('a usage chunk that was not asked for');
    text += chunk.choices[0].delta.content ?? '';
  }
  return answer(text);
}

async function streamUsage(job) {
  let text = '';
  let usage = null;
  for await (const chunk of await create(job, { stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  return answer(text, usage.prompt_tokens, usage.completion_tokens);
}

async function tools(job) {
  const got = await create(job, { tools: [{ type: 'function', function: weather }] });
  const { name, arguments: args } = got.choices[0].message.tool_calls[0].function;
  return call(name, args);
}

async function abort(job) {
  const opened = await create(job, { stream: true });
  let seen = 0;
  for await (const _ of opened) {
    if (++seen === 5) break;
  }
  opened.controller.abort();
  return { left: true };
}

await serve({ plain, stream, stream_usage: streamUsage, tools, abort });
