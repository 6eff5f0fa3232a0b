import { UndecodableError, type Decode, type Encode } from '#contracts/codec';
import { HEADER, ORDER_ID, PAYMENT_SERVICE } from '#contracts/topics';
import type { Ids } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Logger } from '#kit/log';
import { databaseClock } from '#prisma/clock';
import type { Database, Tx } from '#prisma/database';
import {
  arrivalOf,
  deadLettersFor,
  idTakenProblem,
  isIdTaken,
  park,
  redriveOf,
  resolveDeadLetter,
  withoutEventId,
} from '#prisma/dead-letters';
import { ownDeadLetter } from '#prisma/dead-letters.rules';
import { arrive, knownEvents, knownSequences, type Arrival } from '#prisma/inbox';
import { inTransaction } from '#prisma/transaction';
import {
  judge,
  type Outcome,
  type ParkCause,
  type Past,
  type Standing,
  type Verdict,
  type WalletEvent,
} from './acknowledge-settlement.rules';
import * as store from './acknowledge-settlement.store';

export interface AcknowledgeWorld {
  db: Database;
  decode: Decode;
  encode: Encode;
  ids: Ids;
  log: Logger;
  transactionTimeoutMs: number;
  /** Told of every message: how it ended. */
  count: (outcome: Outcome) => void;
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

/** What no order can take, whatever it is. */
interface Bad {
  bad: string;
  cause: ParkCause;
}

async function decodeWalletEvent(decode: Decode, message: ConsumedMessage): Promise<WalletEvent | Bad> {
  const invalid = (bad: string): Bad => ({ bad, cause: 'invalid' });
  try {
    const event = await decode(message.value);
    if (event.record !== 'wallet.PaymentSettled' && event.record !== 'wallet.CancellationSettled') {
      return invalid(`${event.record} does not belong on this topic`);
    }
    const claimedType = message.headers[HEADER.eventType];
    if (claimedType !== event.record)
      return invalid(`header says ${claimedType ?? 'nothing'}, value is ${event.record}`);
    if (!ORDER_ID.test(event.value.orderId)) return invalid('the order id is malformed');
    if (message.key?.toString('utf8') !== event.value.orderId) return invalid('key is not the order id');
    return event;
  } catch (error) {
    if (error instanceof UndecodableError) return { bad: error.message, cause: 'undecodable' };
    throw error;
  }
}

async function takeIn(
  world: AcknowledgeWorld,
  tx: Tx,
  message: ConsumedMessage,
  event: WalletEvent | Bad,
): Promise<Outcome> {
  const arrival = arrivalOf(message);
  const known = await knownEvents(tx, PAYMENT_SERVICE, [arrival.eventId]);
  if (isIdTaken(message, arrival, known.get(arrival.eventId))) {
    const bad: Bad = { bad: idTakenProblem(arrival.eventId), cause: 'conflict' };
    return await takeIn(world, tx, withoutEventId(message), bad);
  }
  if (known.has(arrival.eventId)) return { kind: 'duplicate' };
  const standing = 'bad' in event ? undefined : await store.lockStanding(tx, event.value.orderId);
  const past = await pastOf(tx, message, arrival);
  const verdict = verdictOf(event, arrival, standing, past);
  if (verdict.do === 'park') {
    await parkOne(world, tx, message, { error: verdict.reason, own: past.own });
    return { kind: 'parked', cause: verdict.cause };
  }
  const isNew = verdict.do === 'acknowledge' && standing !== undefined && 'record' in event;
  await arrive(tx, PAYMENT_SERVICE, [arrival], { applied: isNew });
  if (isNew) await store.acknowledge(tx, standing.paymentEventNo, verdict.seq);
  if (past.own !== undefined) {
    const resolution = isNew
      ? `acknowledged as event ${arrival.eventId}`
      : 'had been acknowledged before, or was closed';
    await resolveDeadLetter(tx, PAYMENT_SERVICE, {
      id: past.own.id,
      resolution,
      now: await databaseClock(tx),
    });
  }
  if (!isNew) return { kind: 'duplicate' };
  const type = event.record === 'wallet.PaymentSettled' ? 'CREDIT' : 'DEBIT';
  return { kind: 'acknowledged', type, isLate: verdict.isLate };
}

function verdictOf(
  event: WalletEvent | Bad,
  arrival: Arrival,
  standing: Standing | undefined,
  past: Past,
): Verdict {
  // Closed by hand or acknowledged by an earlier redrive: a late copy must not be taken after all.
  if (past.own?.status === 'RESOLVED') return { do: 'ignore', reason: `${past.own.id} is closed` };
  const place = `${arrival.aggregateId}#${arrival.eventSeq}`;
  const isAcknowledged = past.acknowledgedHashes.get(place)?.has(arrival.payloadHash) === true;
  // An altered copy had its id first, and the event itself has been redriven since: nothing is left to do for it.
  if ('bad' in event && event.cause === 'conflict' && isAcknowledged)
    return { do: 'ignore', reason: `event ${arrival.eventSeq} was acknowledged before` };
  if ('bad' in event) return { do: 'park', cause: event.cause, reason: event.bad };
  return judge(event, arrival, standing, past);
}

/** What became of the order's messages so far. */
async function pastOf(tx: Tx, message: ConsumedMessage, { aggregateId }: Arrival): Promise<Past> {
  const orderIds = aggregateId === null ? [] : [aggregateId];
  const redriven = redriveOf(message);
  const deadLetters = await deadLettersFor(tx, PAYMENT_SERVICE, {
    orderIds,
    redriven: redriven === null ? [] : [redriven],
  });
  return {
    deadLetters: deadLetters.filter(({ orderId }) => orderId === aggregateId),
    own: ownDeadLetter(redriven, aggregateId, deadLetters),
    acknowledgedHashes: await knownSequences(tx, PAYMENT_SERVICE, orderIds),
  };
}

async function parkOne(
  world: AcknowledgeWorld,
  tx: Tx,
  message: ConsumedMessage,
  { error, own }: { error: string; own: Past['own'] },
): Promise<void> {
  const { ids, encode, log } = world;
  const deadLetterId = own?.id ?? ids.eventId();
  log.error({ reason: error, eventId: arrivalOf(message).eventId, deadLetterId }, 'ALARM: message parked');
  await park(
    tx,
    encode,
    { consumer: PAYMENT_SERVICE, deadLetterTopic: 'wallet_payment_dlq', parkedAt: await databaseClock(tx) },
    [{ message, error, deadLetterId, isReopened: own !== undefined, eventId: ids.eventId() }],
  );
}
