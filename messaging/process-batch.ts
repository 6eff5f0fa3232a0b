import type { Decode, Encode } from '#contracts/codec';
import type { Ids } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Logger } from '#kit/log';
import type { DatabaseClock } from '#prisma/clock';
import type { Database, Tx } from '#prisma/database';
import { park, resolveDeadLetter } from '#prisma/dead-letters';
import { arrive } from '#prisma/inbox';
import { inTransaction, isTooSlow } from '#prisma/transaction';
import type { ConsumerMetrics } from './consumer.metrics';
import type { Incoming, MessageService, Problem } from './message-service';
import { loadPast } from './past.store';
import { readMessage } from './read-message';
import { decide, type Outcome } from './sequence.rules';
import { unprocessableProblem } from './unprocessable.rules';

export interface BatchDependencies {
  db: Database;
  decode: Decode;
  encode: Encode;
  ids: Pick<Ids, 'eventId'>;
  /** Dates ledger lines and dead letters. */
  clock: DatabaseClock;
  /** A batch's transaction is rolled back after this time. */
  transactionTimeoutMs: number;
  metrics: ConsumerMetrics;
  log: Logger;
}

/**
 * The consumer engine: applies a batch of messages through `service`, in one transaction with their inbox rows.
 *
 *   decode → load and lock → decide → apply, mark processed, park → commit
 *
 * Messages of one order must be in one batch in their order, or in batches one after the other.
 *
 * @returns a handler for the consumer loop: when it resolves, every message is applied, recognised as a duplicate or parked.
 *   It throws only what may be over in a moment: no database, no registry, a lock held too long.
 */
export function createBatchProcessor<Content extends object, State>(
  service: MessageService<Content, State>,
  deps: BatchDependencies,
): (messages: readonly ConsumedMessage[]) => Promise<void> {
  return async (messages) => {
    const measure = deps.metrics.batchSeconds.startTimer();
    const events: Incoming<Content>[] = [];
    for (const message of messages) events.push(await readMessage(service, deps.decode, message));
    const outcomes = await processSplitting(service, deps, events);
    measure();
    deps.metrics.batchMessages.observe(messages.length);
    for (const outcome of outcomes) report(service, deps, outcome);
  };
}

/**
 * One transaction for all. If a row of it cannot be stored, one for each event, so that only the culprit is parked; if it
 * takes too long, one for each half.
 */
async function processSplitting<Content extends object, State>(
  service: MessageService<Content, State>,
  deps: BatchDependencies,
  events: readonly Incoming<Content>[],
): Promise<Outcome<Content>[]> {
  const [only] = events;
  let problem: Problem | undefined;
  try {
    return await processTogether(service, deps, events);
  } catch (error) {
    problem = unprocessableProblem(error);
    if (problem === undefined && (!isTooSlow(error) || events.length === 1)) throw error;
    // In a new transaction: had another consumer processed it meanwhile, its inbox row is seen there.
    if (problem !== undefined && events.length === 1 && only !== undefined)
      return processTogether(service, deps, [{ ...only, content: problem }]);
  }
  const partSize = problem === undefined ? Math.ceil(events.length / 2) : 1;
  const outcomes: Outcome<Content>[] = [];
  for (let from = 0; from < events.length; from += partSize)
    outcomes.push(...(await processSplitting(service, deps, events.slice(from, from + partSize))));
  return outcomes;
}

function processTogether<Content extends object, State>(
  service: MessageService<Content, State>,
  deps: BatchDependencies,
  batch: readonly Incoming<Content>[],
): Promise<Outcome<Content>[]> {
  const { db, clock, ids, transactionTimeoutMs, metrics, log } = deps;
  return inTransaction(
    db,
    async (tx) => {
      const { events, past, state, now } = await loadPast(tx, service, batch, clock);
      const outcomes = decide(events, past, service, state, () => ids.eventId());
      await record(tx, service, deps, { outcomes, state, now });
      return outcomes;
    },
    {
      timeoutMs: transactionTimeoutMs,
      onRetry: (error) => {
        metrics.transactionRetries.inc();
        log.debug({ err: error }, 'transaction repeated');
      },
    },
  );
}

/** Writes all outcomes. In the ordinary case that is one packet. */
async function record<Content extends object, State>(
  tx: Tx,
  service: MessageService<Content, State>,
  { encode, ids }: BatchDependencies,
  { outcomes, state, now }: { outcomes: readonly Outcome<Content>[]; state: State; now: Date },
): Promise<void> {
  const { consumer, deadLetterTopic } = service;
  const applied = outcomes.filter((outcome) => outcome.kind === 'applied');
  const repeated = outcomes.filter((outcome) => outcome.kind === 'repeated');
  const parked = outcomes.filter((outcome) => outcome.kind === 'parked');
  const resolved = [...applied, ...repeated].flatMap(({ kind, deadLetterId: id, event }) =>
    id === null
      ? []
      : [
          {
            id,
            resolution: kind === 'applied' ? `applied as event ${event.arrival.eventId}` : 'applied before',
          },
        ],
  );
  await Promise.all([
    arrive(
      tx,
      consumer,
      applied.map(({ event }) => event.arrival),
    ),
    arrive(
      tx,
      consumer,
      repeated.map(({ event }) => event.arrival),
      { applied: false },
    ),
    applied.length === 0
      ? undefined
      : service.apply(
          tx,
          state,
          applied.map(({ event }) => event),
          now,
        ),
    ...resolved.map((resolution) => resolveDeadLetter(tx, consumer, { ...resolution, now })),
    park(
      tx,
      encode,
      { consumer, deadLetterTopic, parkedAt: now },
      parked.map(({ event, ...parking }) => ({ ...parking, message: event.message, eventId: ids.eventId() })),
    ),
  ]);
}

function report<Content extends object, State>(
  service: MessageService<Content, State>,
  { metrics, log }: BatchDependencies,
  outcome: Outcome<Content>,
): void {
  const { eventId, aggregateId: orderId, eventSeq: seq, topic, partition, offset } = outcome.event.arrival;
  const where = { eventId, orderId, seq, topic, partition, offset: String(offset) };
  switch (outcome.kind) {
    case 'known':
    case 'repeated':
      metrics.repeated.inc();
      log.debug(where, 'event was processed before');
      return;
    case 'applied':
      metrics.applied.inc({ type: service.typeOf(outcome.event.content) });
      if (outcome.isLate) metrics.reordered.inc();
      service.onApplied?.(outcome.event.content);
      log.debug(where, 'event applied');
      return;
    case 'parked': {
      const { cause, reason, deadLetterId } = outcome;
      metrics.parked.inc({ cause });
      if (cause === 'gap') metrics.gaps.inc();
      log.error({ ...where, cause, deadLetterId, reason }, 'ALARM: event parked');
    }
  }
}
