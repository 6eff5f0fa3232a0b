import { language } from './texts.js';

/**
 * Calls the payment API. Resolves with the envelope whatever the status is; rejects when there was no answer.
 */
export async function call(method, path, body, headers = {}) {
  const response = await fetch(path, {
    method,
    headers: {
      'accept-language': language,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.json();
}

/** Resolves after `ms` milliseconds. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
