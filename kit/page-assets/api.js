import { language } from './language.js';

const TIMEOUT_MS = 60_000;

/** There was no answer: the connection failed, took too long, or something between brought no answer of ours. */
export class NoAnswer extends Error {}

/**
 * Calls a REST API of this origin. Resolves with the envelope `{code, errorCode, message, data}` and `retryAfterMs`,
 * whatever the status is.
 *
 * @throws NoAnswer when nobody can say what happened: asking again must be safe
 */
export async function call(method, path, { body, headers = {}, timeoutMs = TIMEOUT_MS } = {}) {
  const sent = { accept: 'application/json', 'accept-language': language(), ...headers };
  const options = { method, headers: sent, signal: AbortSignal.timeout(timeoutMs), cache: 'no-store' };
  if (body !== undefined) {
    sent['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, options);
    const envelope = await response.json();
    if (typeof envelope.code !== 'number') throw new Error('no envelope');
    const retryAfterS = Number(response.headers.get('retry-after') ?? 0);
    return { ...envelope, retryAfterMs: Number.isFinite(retryAfterS) ? retryAfterS * 1000 : 0 };
  } catch (error) {
    throw new NoAnswer(String(error), { cause: error });
  }
}

/** Resolves after `ms` milliseconds, or as soon as the browser is online again. */
export const pause = (ms) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
  });

/** A random key for one attempt: sent again, it is the same attempt. */
export function newKey(prefix) {
  // randomUUID is not there on plain http but for this machine; random values are.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `${prefix}-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
