import { inTransaction, isDuplicateKey } from '#prisma/transaction';
import { recoverPayment, type TakeOverWorld } from '../payment/recover-payment';
import { compareDay, type DayReport, type ReadingWorld } from './compare-day';
import { REPAIRS, type Finding } from './differences';
import type { KstDay } from './kst-day.rules';
import * as store from './reconcile.store';

export interface RepairDone {
  orderId: string;
  /** In a word, how it ended. */
  outcome: string;
}

export interface Reconciliation {
  /** As it stands at the end: after the repairs, if there were any. */
  report: DayReport;
  repairs: RepairDone[];
}

/**
 * Compares the PSP's day with ours. With `repairing` the safe differences are repaired through the code of recovery, and
 * the day is compared again: what the second comparison still finds remains. Repeating it is safe.
 *
 * @throws PspListError when the PSP's side cannot be read
 */
export async function reconcile(
  reading: ReadingWorld,
  day: KstDay,
  repairing?: TakeOverWorld,
): Promise<Reconciliation> {
  const report = await compareDay(reading, day);
  if (repairing === undefined) return { report, repairs: [] };
  const repairs: RepairDone[] = [];
  for (const [orderId, paymentKey] of repairable(report.differences)) {
    const outcome = await repairOrder(repairing, orderId, paymentKey);
    repairs.push({ orderId, outcome });
    reading.report(`repaired ${orderId}: ${outcome}`);
  }
  if (repairs.length === 0) return { report, repairs };
  return { report: await compareDay(reading, day), repairs };
}

/**
 * Each order once. An order without a claim takes the PSP's payment key only where the PSP's approval is of this order
 * and this amount.
 */
function repairable(differences: readonly Finding[]): Map<string, string | null> {
  const orders = new Map<string, string | null>();
  for (const { code, orderId, paymentKey } of differences) {
    if (!REPAIRS[code].isSafe) continue;
    const claimable = code === 'PAID_AT_PSP_OPEN_HERE' ? paymentKey : null;
    orders.set(orderId, orders.get(orderId) ?? claimable);
  }
  return orders;
}

/** A cancel of ours that is open comes first, and the payment after it. */
const STEPS_MAX = 3;

async function repairOrder(
  world: TakeOverWorld,
  orderId: string,
  paymentKey: string | null,
): Promise<string> {
  const outcomes: string[] = [];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const held = await hold(world, orderId, paymentKey);
    if (typeof held === 'string') {
      outcomes.push(held);
      break;
    }
    outcomes.push(`${held.kind}: ${await recoverPayment(world, held, 'reconcile')}`);
    if (held.kind !== 'cancel') break;
  }
  return outcomes.join(', ');
}

async function hold(
  { db, ids, claimLeaseMs: leaseMs }: TakeOverWorld,
  orderId: string,
  paymentKey: string | null,
): Promise<Exclude<store.Hold, 'busy' | 'nothing'> | string> {
  const asked = { orderId, paymentKey, token: ids.token(), leaseMs };
  try {
    const held = await inTransaction(db, (tx) => store.holdOrder(tx, asked));
    if (held === 'busy') return 'another process is at it: run this again';
    return held === 'nothing' ? 'nothing to take over' : held;
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return 'the payment key belongs to another order';
  }
}
