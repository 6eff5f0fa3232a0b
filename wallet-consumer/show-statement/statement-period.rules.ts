import { z } from 'zod';
import { kstClock, kstEpochMs } from '#kit/kst';

// Sellers and their bookkeeping live in Korea: a day is a day of Korea Standard Time.
const DAY_MS = 24 * 60 * 60 * 1000;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** A `+` that was not escaped in a query arrives as a blank. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(:\d{2}(?:\.\d{1,3})?)?(Z|[+\- ]\d{2}:\d{2})$/;

const HOW = 'must be a day of Korea (YYYY-MM-DD), or a moment with its offset (2026-11-22T09:00:00+09:00)';

/** Midnight of a day in Korea, in milliseconds; `undefined` for a day that no calendar has. */
const midnightMs = (text: string): number | undefined => kstEpochMs(`${text}T00:00:00`);

function momentMs(text: string): number | undefined {
  const [, day, minutes, seconds = ':00', offset] = MOMENT.exec(text) ?? [];
  if (day === undefined || offset === undefined || midnightMs(day) === undefined) return undefined;
  const ms = Date.parse(`${day}T${minutes}${seconds}${offset.replace(' ', '+')}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * One end of a period. A day stands for its first moment, or, as the end of a period, for the moment after its last.
 */
const endOfPeriod = (isLast: boolean) =>
  z
    .string()
    .max(40)
    .transform((text, context) => {
      const dayMs = DAY.test(text) ? midnightMs(text) : undefined;
      const ms = dayMs === undefined ? momentMs(text) : dayMs + (isLast ? DAY_MS : 0);
      if (ms !== undefined) return new Date(ms);
      context.addIssue({ code: 'custom', message: HOW });
      return z.NEVER;
    })
    .optional();

/** `from` (included; the wallet's beginning without it) and `to` (a day included, a moment excluded; now without it). */
export const periodParameters = {
  from: endOfPeriod(false).meta({
    description:
      'First day of Korea (2026-11-01), or first moment with its offset; the wallet’s beginning when absent.',
  }),
  to: endOfPeriod(true).meta({
    description:
      'Last day of Korea, which is part of the period, or the moment before which it ends; now when absent.',
  }),
};

export interface Period {
  from?: Date | undefined;
  to?: Date | undefined;
}

export const isForwards = ({ from, to }: Period): boolean =>
  from === undefined || to === undefined || from < to;

/** A moment as Korea's clocks show it, with its offset. */
export const kstText = (moment: Date): string => `${kstClock(moment.getTime())}+09:00`;
