// Runs the cases of one client: one JSON job a line on standard input, one JSON outcome a line on standard output.

import { createInterface } from 'node:readline';

export const weather = {
  name: 'get_weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

/** What a client made of an answer. */
export function answer(text, input = null, output = null) {
  return { text, input, output };
}

/** What a client made of a tool call. */
export function call(name, args) {
  return { tool: name, arguments: typeof args === 'string' ? JSON.parse(args) : args };
}

/** An error as the client raised it: the names of its class and of its bases, and the status it tells. */
function failure(error) {
  const classes = [];
  for (let at = error; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    const name = at.constructor?.name;
    if (name && !classes.includes(name)) classes.push(name);
  }
  const status = error.status ?? error.statusCode ?? error.status_code ?? null;
  return {
    raised: error.constructor?.name ?? 'Error',
    classes,
    status: Number.isInteger(status) ? status : null,
    message: String(error.message).slice(0, 2000),
  };
}

/** Answers jobs until standard input ends. */
export async function serve(cases) {
  for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    let outcome;
    try {
      outcome = await cases[job.do](job);
    } catch (error) {
      console.error(error);
      outcome = failure(error);
    }
    console.log(JSON.stringify(outcome));
  }
  process.exit(0);
}
