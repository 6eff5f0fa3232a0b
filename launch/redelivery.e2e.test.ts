import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '#kit/until.fixture';
import { openPipeline, type Pipeline } from './e2e.fixture';

const BATCH_FAILED = 'batch failed, will repeat';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

/** The outbox row of an order's payment event, as the topic has it. */
async function published(orderId: string) {
  const row = await river.ops.outbox.findFirstOrThrow({
    where: { aggregateId: orderId, aggregateType: 'payment' },
  });
  return {
    key: row.aggregateId,
    value: Buffer.from(row.payload),
    headers: { id: row.id, eventType: row.eventType, aggregateSeq: String(row.eventSeq) },
  };
}

const ledgerLines = (orderId: string): Promise<number> =>
  river.ops.walletTransaction.count({ where: { orderId } });

/** How often the wallet has said so in its log, which stays over its restarts. */
function timesLogged(words: string): number {
  const log = readFileSync(join(river.config.stack.stackDir, 'logs', 'wallet.log'), 'utf8');
  return log.split(words).length - 1;
}

test('The same Kafka record delivered again, and the same bytes with a new event id: no second credit', async () => {
  const orderId = await river.buy([1, 4, 6]);
  await river.untilSettled([orderId]);
  const before = await river.balances();
  const message = await published(orderId);
  const renamed = randomUUID();
  const producer = await river.producer();
  await producer.send({
    topic: 'payment',
    messages: [message, message, { ...message, headers: { ...message.headers, id: renamed } }],
  });
  await until('the renamed one is in the inbox', async () => {
    const found = await river.ops.inbox.findFirst({
      where: { consumer: 'wallet-service', eventId: renamed },
    });
    return found !== null;
  });
  expect(await ledgerLines(orderId)).toBe(3);
  expect(await river.balances()).toEqual(before);
  expect(await river.ops.deadLetter.count({ where: { aggregateId: orderId } })).toBe(0);
  await river.expectAudit();
});

test('A poison message in the middle parks alone and leaves for the dead-letter topic; its neighbours are settled', async () => {
  const producer = await river.producer();
  const poison = { key: `poison-${randomUUID()}`, value: Buffer.from('no Avro at all') };
  const first = await river.buy([1]);
  await producer.send({ topic: 'payment', messages: [poison] });
  const second = await river.buy([4]);
  await river.untilSettled([first, second]);
  await until('the poison is parked', async () => {
    const row = await river.ops.deadLetter.findFirst({ where: { aggregateId: poison.key } });
    return row !== null && Buffer.from(row.payload ?? []).equals(poison.value);
  });
  const { id } = await river.ops.deadLetter.findFirstOrThrow({ where: { aggregateId: poison.key } });
  const event = await river.ops.outbox.findFirst({
    where: { idempotencyKey: `deadletter.DeadLettered:${id}` },
  });
  expect(event?.aggregateType).toBe('payment_wallet_dlq');
  await river.expectAudit();
});

test('The payment API starts and takes payments without the registry', async () => {
  await river.stack.kill('registry');
  try {
    await river.service('api').stop();
    await river.start('api');
    const orderId = await river.buy([1]);
    expect(await river.ops.outbox.count({ where: { aggregateId: orderId, aggregateType: 'payment' } })).toBe(
      1,
    );
    await river.untilSettled([orderId]);
  } finally {
    await river.stack.restart('registry');
  }
});

test('Without the registry a running consumer goes on, for it knows the schemas; a new one waits and then settles', async () => {
  await river.stack.kill('registry');
  let starting: Promise<void> | undefined;
  try {
    const known = await river.buy([1]);
    await river.untilSettled([known]);
    await river.service('wallet').stop();
    const waiting = await river.buy([4]);
    const before = timesLogged(BATCH_FAILED);
    starting = river.start('wallet');
    // It starts without the registry, keeps the message and says why; it is not ready before it gets further.
    await until('it has met the message', async () => timesLogged(BATCH_FAILED) > before);
    expect(await ledgerLines(waiting)).toBe(0);
    await river.stack.restart('registry');
    await starting;
    await river.untilSettled([waiting]);
  } finally {
    await river.stack.restart('registry');
    await starting;
  }
  await river.expectAudit();
});
