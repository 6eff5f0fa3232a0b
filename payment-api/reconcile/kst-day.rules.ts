/** Korean time is UTC+9 all year round: no daylight saving since 1988. */
const KST_OFFSET_MS = 9 * 3_600_000;
const DAY_MS = 86_400_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** A day from midnight to midnight in Korea. */
export interface KstDay {
  /** `2026-11-22`. */
  date: string;
  /** Inclusive. */
  start: Date;
  /** Exclusive. */
  end: Date;
}

/** The Korean date of a moment: `2026-11-22`. */
export function kstDateOf(moment: Date): string {
  return new Date(moment.getTime() + KST_OFFSET_MS).toISOString().slice(0, 10);
}

/** `2026-11-22 12:00:00.000`, Korean time. */
export function kstText(moment: Date): string {
  return new Date(moment.getTime() + KST_OFFSET_MS).toISOString().slice(0, 23).replace('T', ' ');
}

/** @returns undefined when the text is no date of the calendar */
export function kstDay(date: string): KstDay | undefined {
  const utcMs = DATE.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  // Date.parse rolls 2026-02-30 over to March in some engines: what is written back must be what was read.
  if (Number.isNaN(utcMs) || new Date(utcMs).toISOString().slice(0, 10) !== date) return undefined;
  const startMs = utcMs - KST_OFFSET_MS;
  return { date, start: new Date(startMs), end: new Date(startMs + DAY_MS) };
}

export const isWithin = ({ start, end }: Pick<KstDay, 'start' | 'end'>, moment: Date): boolean =>
  moment >= start && moment < end;
