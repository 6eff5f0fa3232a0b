/** Korea Standard Time is UTC+9 all year round: no daylight saving since 1988. */
const KST_OFFSET_MS = 9 * 3_600_000;

/** `2026-11-22T10:05:40.123`: what Korea's clocks show, without the zone. */
export const kstClock = (epochMs: number): string =>
  new Date(epochMs + KST_OFFSET_MS).toISOString().slice(0, 23);

/** The moment, in milliseconds, at which Korea's clocks show `2026-11-22T10:05:40.123`; undefined if they never do. */
export function kstEpochMs(clock: string): number | undefined {
  const utcMs = Date.parse(`${clock}Z`);
  // Date.parse rolls 2026-02-30 over to March in some engines: what is written back must be what was read.
  if (Number.isNaN(utcMs) || !new Date(utcMs).toISOString().startsWith(clock.slice(0, 19))) return undefined;
  return utcMs - KST_OFFSET_MS;
}
