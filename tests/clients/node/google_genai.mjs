// Google's own SDK: Gemini generateContent.

import { GoogleGenAI } from '@google/genai';
import { answer, call, serve, weather } from './harness.mjs';

const client = (job) => new GoogleGenAI({ apiKey: job.key, vertexai: false, httpOptions: { baseUrl: job.base } });
const request = (job, config = {}) => ({ model: job.model, contents: job.prompt, config });

async function plain(job) {
  const got = await client(job).models.generateContent(request(job));
  return answer(got.text, got.usageMetadata.promptTokenCount, got.usageMetadata.candidatesTokenCount);
}

async function stream(job) {
  let text = '';
  let usage = null;
  for await (const chunk of await client(job).models.generateContentStream(request(job))) {
    text += chunk.text ?? '';
    usage = chunk.usageMetadata ?? usage;
  }
  return answer(text, usage.promptTokenCount, usage.candidatesTokenCount);
}

async function tools(job) {
  const { name, description, parameters } = weather;
  const declaration = { name, description, parametersJsonSchema: parameters };
  const got = await client(job).models.generateContent(
    request(job, { tools: [{ functionDeclarations: [declaration] }] }),
  );
  return call(got.functionCalls[0].name, got.functionCalls[0].args);
}

async function abort(job) {
  const leaving = new AbortController();
  let seen = 0;
  const opened = await client(job).models.generateContentStream(
    request(job, { abortSignal: leaving.signal }),
  );
  try {
    for await (const _ of opened) {
      if (++seen === 5) leaving.abort();
    }
  } catch (error) {
    if (seen < 5) throw error;
  }
  return { left: true };
}

await serve({ plain, stream, tools, abort });
