import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Is this a W3C trace context? What came over a topic or a request may be anything. */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** The W3C trace context to go on with: the caller's when it is well-formed, otherwise a new one. */
export function traceparentOf(header: string | string[] | undefined): string {
  if (typeof header === 'string' && isTraceparent(header)) return header;
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
