import { isIP } from 'node:net';
import { z } from 'zod';
import { amountField, orderIdField, orderNameField } from '../fields';

const URL_LENGTH_MAX = 2000;

/** A host that can only be the shopper's own machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost' || host.endsWith('.localhost');
}

/**
 * True when the shopper may be sent there: http(s), no credentials, loopback or an origin that is allowed.
 */
export function isReturnUrl(text: string, allowedOrigins: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (url.username !== '' || url.password !== '') return false;
  return allowedOrigins.includes(url.origin) || isLoopback(url.hostname);
}

/** The parameters of the payment window, in the query and in its forms. */
export function windowSchema(allowedOrigins: readonly string[]) {
  const returnUrlField = z
    .string()
    .max(URL_LENGTH_MAX)
    .refine((text) => isReturnUrl(text, allowedOrigins), 'must be on this machine or on an allowed origin');
  return z.object({
    orderId: orderIdField,
    amount: z
      .string()
      .regex(/^[1-9]\d{0,15}$/, 'must be a whole number of won')
      .transform(Number)
      .pipe(amountField),
    orderName: orderNameField,
    successUrl: returnUrlField,
    failUrl: returnUrlField,
  });
}

export type WindowRequest = z.output<ReturnType<typeof windowSchema>>;

/** Adds parameters to an address that may have some already. */
export function withParameters(url: string, parameters: Record<string, string>): string {
  const result = new URL(url);
  for (const [name, value] of Object.entries(parameters)) result.searchParams.set(name, value);
  return result.href;
}

/**
 * Where the window's forms may lead: browsers apply `form-action` to the redirect that answers a form too. A
 * policy cannot name an IPv6 host, so there the scheme has to do.
 */
export function formTargets(asked: Pick<WindowRequest, 'successUrl' | 'failUrl'>): string {
  const sources = [asked.successUrl, asked.failUrl].map((text) => {
    const url = new URL(text);
    return url.hostname.startsWith('[') ? url.protocol : url.origin;
  });
  return ["'self'", ...new Set(sources)].join(' ');
}
