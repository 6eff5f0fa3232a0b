import type { Database, Reader } from '#prisma/database';

// What a full audit has found must not be forgotten by the next one that starts at a checkpoint: the checkpoints of before
// are still there, and behind them all may be well. So a failure leaves a mark, and what is marked is read whole until a
// full reading of it holds.

/** What has checkpoints of its own. */
export type Group = 'rows' | 'ledger' | 'topics';

const failedMark = (group: Group): string => `${group}-failed`;
const soundMark = (group: Group): string => `${group}-sound`;

/** Groups that have failed, and of which no full reading has held since. */
export async function markedGroups(db: Reader): Promise<ReadonlySet<Group>> {
  const rows = await db.query<{ checks: string; verified_at: Date }>`
    SELECT checks, verified_at FROM audit_checkpoints`;
  const momentOf = (name: string): number =>
    rows.find(({ checks }) => checks === name)?.verified_at.getTime() ?? Number.NEGATIVE_INFINITY;
  const groups: Group[] = ['rows', 'ledger', 'topics'];
  return new Set(groups.filter((group) => momentOf(failedMark(group)) > momentOf(soundMark(group))));
}

export interface Outcome {
  holds: boolean;
  /** Was all of it read? */
  isFull: boolean;
  /** Is what was found nothing but waiting? Time mends that, and what waits stays in front of the checkpoint. */
  isOnlyWaiting: boolean;
}

/** Marks what has failed, and takes the mark from what a full reading has found sound. */
export async function markOutcome(
  db: Database,
  group: Group,
  { holds, isFull, isOnlyWaiting }: Outcome,
  { marked, readAt }: { marked: ReadonlySet<Group>; readAt: Date },
): Promise<void> {
  if (!holds && (isFull || !isOnlyWaiting)) await remember(db, failedMark(group), readAt);
  if (holds && isFull && marked.has(group)) await remember(db, soundMark(group), readAt);
}

async function remember(db: Database, name: string, moment: Date): Promise<void> {
  await db.execute`
    INSERT INTO audit_checkpoints (checks, verified_at) VALUES (${name}, ${moment}) AS new
    ON DUPLICATE KEY UPDATE verified_at = GREATEST(audit_checkpoints.verified_at, new.verified_at)`;
}
