import { UndecodableError, type Decode } from '#contracts/codec';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Logger } from '#kit/log';
import { readBooking, readHeaders, type PaymentEvent } from './payment-event.rules';
import type { SettlementMetrics } from './settle-payments.metrics';
import { settlePayments, type SettlementWorld } from './settle-payments';
import type { Verdict } from './sequence.rules';

export interface SettlementConsumerOptions extends Omit<SettlementWorld, 'onRetry'> {
  decode: Decode;
  metrics: SettlementMetrics;
  log: Logger;
}

/**
 * The door of topic `payment`: reads messages, has them settled, and counts and reports what became of them.
 *
 * @returns a handler for the consumer loop. It throws only what may be over in a moment: no database, no
 *   registry.
 */
export function createSettlementConsumer(options: SettlementConsumerOptions) {
  const { decode, metrics, log } = options;
  const world: SettlementWorld = {
    ...options,
    onRetry: (error) => {
      metrics.transactionRetries.inc();
      log.debug({ err: error }, 'transaction repeated');
    },
  };
  return async function handle(messages: readonly ConsumedMessage[]): Promise<void> {
    const measure = metrics.batchSeconds.startTimer();
    const events: PaymentEvent[] = [];
    for (const message of messages) events.push(await readEvent(decode, message));
    const verdicts = await settlePayments(world, events);
    measure();
    metrics.batchMessages.observe(messages.length);
    for (const verdict of verdicts) report(verdict, metrics, log);
  };
}

/** @throws RegistryUnavailableError: then nobody can say whether the bytes are good. */
async function readEvent(decode: Decode, message: ConsumedMessage): Promise<PaymentEvent> {
  const arriving = readHeaders(message);
  try {
    return { ...arriving, content: readBooking(arriving, await decode(message.value)) };
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    return { ...arriving, content: { problem: error.message, cause: 'undecodable' } };
  }
}

function report(verdict: Verdict, metrics: SettlementMetrics, log: Logger): void {
  const { eventId, orderId, seq, message } = verdict.event;
  const { topic, partition, offset } = message;
  const where = { eventId, orderId, seq, topic, partition, offset: String(offset) };
  switch (verdict.kind) {
    case 'known':
    case 'repeated':
      metrics.repeated.inc();
      log.info(where, 'event was dealt with before');
      return;
    case 'settle':
      metrics.settled.inc({ type: verdict.booking.type });
      // One that is redriven was put aside by us; it did not come late by itself.
      if (verdict.isLate && verdict.deadLetterId === null) metrics.reordered.inc();
      metrics.lines.inc({ type: verdict.booking.type }, verdict.booking.shares.length);
      log.debug(where, 'event settled');
      return;
    case 'park': {
      const { cause, error, deadLetterId } = verdict;
      metrics.parked.inc({ cause });
      if (cause === 'gap') metrics.gaps.inc();
      log.error({ ...where, cause, deadLetterId, reason: error }, 'ALARM: event parked');
    }
  }
}
