import { inTransaction } from '#prisma/transaction';
import { recoverPayment, type TakeOverWorld } from '../payment/recover-payment';
import * as store from './recover-payments.store';

export interface RecoveryWorld extends TakeOverWorld {
  /** Told of everything that was taken over: how it ended. */
  count: (kind: store.Kind, outcome: string) => void;
}

/**
 * Takes over one payment or cancel that a process has left behind, asks the PSP what happened, and goes on from there.
 *
 * @param kinds in the order in which they are looked through
 * @returns false when nothing is due
 */
export async function recoverNext(
  world: RecoveryWorld,
  kinds: readonly store.Kind[] = store.KINDS,
): Promise<boolean> {
  const due = await store.dueKinds(world.db, world.claimLeaseMs);
  for (const kind of kinds.filter((one) => due.has(one))) {
    const token = world.ids.token();
    const taken = await inTransaction(world.db, (tx) => store.takeOver(tx, kind, token, world.claimLeaseMs));
    if (taken === undefined) continue;
    const changedBy = kind === 'settled' ? 'webhook-lookup' : 'recovery';
    const outcome = await recoverPayment(world, taken, changedBy);
    world.count(kind, outcome);
    world.log.info({ orderId: taken.payment.orderId, kind, outcome }, 'recovered');
    return true;
  }
  return false;
}
