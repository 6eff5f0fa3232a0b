import { language } from './texts.js';

/**
 * Calls the payment API. Resolves with the envelope whatever the status is; rejects when there was no answer.
 */
export async function call(method, path, body, headers = {}) {
  const sent = { 'accept-language': language, ...headers };
  const options = { method, headers: sent };
  if (body !== undefined) {
    sent['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  return response.json();
}

/** Resolves after `ms` milliseconds. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
