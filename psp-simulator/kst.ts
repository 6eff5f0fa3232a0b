import { kstClock, kstEpochMs } from '#kit/kst';

/** `2026-11-22T10:05:40+09:00`, as Toss writes the moments of a payment. */
export function kstText(epochMs: number): string {
  return `${kstClock(epochMs).slice(0, 19)}+09:00`;
}

/** `2026-11-22T10:05:40.123000`, Korean time without zone, as Toss writes `createdAt` of a webhook. */
export function kstLocalText(epochMs: number): string {
  return `${kstClock(epochMs)}000`;
}

/** `20261122100540`, the part of a payment key that tells when it was made. */
export function kstCompactText(epochMs: number): string {
  return kstClock(epochMs).slice(0, 19).replaceAll(/\D/g, '');
}

const LOCAL_TIME = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2})(\.\d{1,3})?)?$/;

/**
 * Reads `2026-11-22`, `2026-11-22T10:05:40` or `…40.123` as Korean time.
 *
 * @returns the first millisecond meant and how many milliseconds the text covers (a day, a second, one), or
 * undefined when it is no such time.
 */
export function parseKst(text: string): { startMs: number; coversMs: number } | undefined {
  const match = LOCAL_TIME.exec(text);
  if (match === null) return undefined;
  const [, day = '', time = '00:00:00', fraction = ''] = match;
  const startMs = kstEpochMs(`${day}T${time}${fraction}`);
  if (startMs === undefined) return undefined;
  const coversMs = match[2] === undefined ? 86_400_000 : fraction === '' ? 1000 : 1;
  return { startMs, coversMs };
}
