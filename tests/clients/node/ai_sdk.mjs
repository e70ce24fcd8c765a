// The Vercel AI SDK, with its OpenAI (Responses), Anthropic and Google providers.

import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, streamText, tool } from 'ai';
import { answer, call, serve, weather } from './harness.mjs';

function model(job) {
  const make = { openai: createOpenAI, anthropic: createAnthropic, gemini: createGoogleGenerativeAI }[job.provider];
  const version = job.provider === 'gemini' ? 'v1beta' : 'v1';
  return make({ baseURL: `${job.base}/${version}`, apiKey: job.key })(job.model);
}

async function plain(job) {
  const got = await generateText({ model: model(job), prompt: job.prompt });
  return answer(got.text, got.usage.inputTokens, got.usage.outputTokens);
}

async function stream(job) {
  let failed = null;
  const got = streamText({ model: model(job), prompt: job.prompt, onError: ({ error }) => (failed = error) });
  let text = '';
  for await (const piece of got.textStream) text += piece;
  if (failed) throw failed;
  const usage = await got.usage;
  return answer(text, usage.inputTokens, usage.outputTokens);
}

async function tools(job) {
  const tools = {
    [weather.name]: tool({ description: weather.description, inputSchema: jsonSchema(weather.parameters) }),
  };
  const got = await generateText({ model: model(job), prompt: job.prompt, tools });
  return call(got.toolCalls[0].toolName, got.toolCalls[0].input);
}

async function abort(job) {
  const leaving = new AbortController();
  const got = streamText({ model: model(job), prompt: job.prompt, abortSignal: leaving.signal, onError: () => {} });
  let seen = 0;
  for await (const _ of got.textStream) {
    if (++seen === 5) leaving.abort();
  }
  return { left: true };
}

await serve({ plain, stream, tools, abort });
