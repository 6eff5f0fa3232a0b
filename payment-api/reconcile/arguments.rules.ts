import { readOptions, UsageError } from '#kit/arguments';
import { kstDateOf, kstDay, type KstDay } from './kst-day.rules';

export interface ReconcileArguments {
  day: KstDay;
  repair: boolean;
  json: boolean;
}

const USAGE = 'npm run reconcile -- --date YYYY-MM-DD [--repair] [--json]';

/** @throws UsageError for what is no day, a day to come, and whatever else it does not know */
export function readArguments(args: readonly string[], now: Date): ReconcileArguments {
  const { values } = readOptions(
    {
      args: [...args],
      options: {
        date: { type: 'string' },
        repair: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    },
    USAGE,
  );
  const { date, repair, json } = values;
  if (date === undefined) throw new UsageError(`which day? ${USAGE}`);
  const day = kstDay(date);
  if (day === undefined) throw new UsageError(`${JSON.stringify(date)} is no date. ${USAGE}`);
  if (day.start > now)
    throw new UsageError(`${date} has not begun: in Korea it is ${kstDateOf(now)}. ${USAGE}`);
  return { day, repair, json };
}
