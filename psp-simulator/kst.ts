/** Korean time is UTC+9 all year round: no daylight saving since 1988. */
const KST_OFFSET_MS = 9 * 3_600_000;

/** `2026-11-22T10:05:40+09:00`, as Toss writes the moments of a payment. */
export function kstText(epochMs: number): string {
  return `${new Date(epochMs + KST_OFFSET_MS).toISOString().slice(0, 19)}+09:00`;
}

/** `2026-11-22T10:05:40.123000`, Korean time without zone, as Toss writes `createdAt` of a webhook. */
export function kstLocalText(epochMs: number): string {
  return `${new Date(epochMs + KST_OFFSET_MS).toISOString().slice(0, 23)}000`;
}

/** `20261122100540`, the part of a payment key that tells when it was made. */
export function kstCompactText(epochMs: number): string {
  return new Date(epochMs + KST_OFFSET_MS).toISOString().slice(0, 19).replaceAll(/\D/g, '');
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
  const utcMs = Date.parse(`${day}T${time}${fraction}Z`);
  // Date.parse rolls 2026-02-30 over to March in some engines: what is written back must be what was read.
  if (Number.isNaN(utcMs) || !new Date(utcMs).toISOString().startsWith(`${day}T${time}`)) return undefined;
  const coversMs = match[2] === undefined ? 86_400_000 : fraction === '' ? 1000 : 1;
  return { startMs: utcMs - KST_OFFSET_MS, coversMs };
}
