import { UndecodableError, type Decode, type Encode } from '#contracts/codec';
import { HEADER, PAYMENT_SERVICE } from '#contracts/topics';
import type { Clock } from '#kit/clock';
import type { Ids } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Logger } from '#kit/log';
import type { Database, Tx } from '#prisma/database';
import { arrivalOf, blockedAggregates, park } from '#prisma/dead-letters';
import { arrive, knownEventIds } from '#prisma/inbox';
import { inTransaction } from '#prisma/transaction';
import { judge, type Verdict, type WalletEvent } from './acknowledge-settlement.rules';
import * as store from './acknowledge-settlement.store';

export interface AcknowledgeWorld {
  db: Database;
  decode: Decode;
  encode: Encode;
  ids: Ids;
  clock: Clock;
  log: Logger;
  transactionTimeoutMs: number;
  /** Told of every message: how it ended. */
  count: (outcome: 'acknowledged' | 'duplicate' | 'parked') => void;
}

/**
 * Takes one message of the topic `wallet`: what has been settled is acknowledged on the payment, in the transaction of
 * its inbox row. A message that can never be taken is parked, and later events of its order behind it.
 *
 * @throws RegistryUnavailableError or a database error: nothing holds, take the message again later
 */
export async function acknowledgeSettlement(
  world: AcknowledgeWorld,
  message: ConsumedMessage,
): Promise<void> {
  const decoded = await decodeWalletEvent(world.decode, message);
  const outcome = await inTransaction(world.db, (tx) => takeIn(world, tx, message, decoded), {
    timeoutMs: world.transactionTimeoutMs,
  });
  world.count(outcome);
}

async function decodeWalletEvent(
  decode: Decode,
  message: ConsumedMessage,
): Promise<WalletEvent | { bad: string }> {
  try {
    const event = await decode(message.value);
    if (event.record !== 'wallet.PaymentSettled' && event.record !== 'wallet.CancellationSettled') {
      return { bad: `${event.record} does not belong on this topic` };
    }
    const claimedType = message.headers[HEADER.eventType];
    if (claimedType !== event.record)
      return { bad: `header says ${claimedType ?? 'nothing'}, value is ${event.record}` };
    if (message.key?.toString('utf8') !== event.value.orderId) return { bad: 'key is not the order id' };
    return event;
  } catch (error) {
    if (error instanceof UndecodableError) return { bad: error.message };
    throw error;
  }
}

async function takeIn(
  world: AcknowledgeWorld,
  tx: Tx,
  message: ConsumedMessage,
  event: WalletEvent | { bad: string },
): Promise<'acknowledged' | 'duplicate' | 'parked'> {
  const arrival = arrivalOf(message);
  const known = await knownEventIds(tx, PAYMENT_SERVICE, [arrival.eventId]);
  if (known.has(arrival.eventId)) return 'duplicate';
  const standing = 'bad' in event ? undefined : await store.lockStanding(tx, event.value.orderId);
  const verdict = await verdictOf(tx, message, event, standing);
  if (verdict.do === 'park') {
    world.log.error({ reason: verdict.reason, eventId: arrival.eventId }, 'ALARM: message parked');
    await park(tx, world.encode, {
      consumer: PAYMENT_SERVICE,
      deadLetterTopic: 'wallet_payment_dlq',
      message,
      error: verdict.reason,
      deadLetterId: world.ids.eventId(),
      eventId: world.ids.eventId(),
      parkedAt: world.clock(),
    });
    return 'parked';
  }
  await arrive(tx, PAYMENT_SERVICE, [arrival]);
  if (verdict.do === 'ignore' || standing === undefined) return 'duplicate';
  await store.acknowledge(tx, standing.paymentEventNo);
  return 'acknowledged';
}

async function verdictOf(
  tx: Tx,
  message: ConsumedMessage,
  event: WalletEvent | { bad: string },
  standing: Awaited<ReturnType<typeof store.lockStanding>>,
): Promise<Verdict> {
  if ('bad' in event) return { do: 'park', reason: event.bad };
  const { aggregateId, eventSeq } = arrivalOf(message);
  const isRedriven = message.headers[HEADER.redriveOf] !== undefined;
  if (aggregateId !== null && !isRedriven) {
    const blocked = await blockedAggregates(tx, PAYMENT_SERVICE, [aggregateId]);
    const before = blocked.get(aggregateId);
    if (before !== undefined)
      return { do: 'park', reason: `behind the parked message ${before} of the same order` };
  }
  return judge(event, eventSeq, standing);
}
