import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { createDecoder, createEncoder } from '#contracts/codec';
import { openWriterSchemas } from '#contracts/registry';
import type { PaymentConfirmed } from '#contracts/generated-types';
import { audit } from '#ops/audit';
import { opsConfig } from '#ops/config';
import { resolveByHand } from '#ops/dead-letters';
import { loadSchemaIds } from '#prisma/event-schemas';
import { until } from '#kit/until.fixture';
import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
  // Files share the pipeline and run in any order: what others have parked is closed first.
  const left = await river.ops.deadLetter.findMany({ where: { status: { not: 'RESOLVED' } } });
  for (const { id } of left) await resolveByHand(river.ops, id, { by: 'minji', reason: 'of another file' });
});
afterAll(() => river.close());

interface Ran {
  exitCode: number;
  json: Json;
  output: string;
}

/** The operator's command, as a process of its own. */
function dlq(...args: string[]): Promise<Ran> {
  const script = join(river.config.stack.projectDir, 'dist', 'ops', 'dlq.main.js');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, ...args, '--json'],
      { env: { ...river.config.env, OPERATOR: 'minji' }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const exitCode = typeof error?.code === 'number' ? error.code : 0;
        resolve({
          exitCode,
          json: exitCode > 1 || stdout === '' ? undefined : JSON.parse(stdout),
          output: stderr,
        });
      },
    );
  });
}

const letterOf = (key: string, consumer: string) =>
  river.ops.deadLetter.findMany({ where: { aggregateId: key, consumer }, orderBy: { no: 'asc' } });
const parkedCount = async (): Promise<number> => (await audit(river.ops)).counts.parked;

async function send(topic: string, ...messages: Message[]): Promise<void> {
  const producer = await river.producer();
  await producer.send({ topic, messages });
}

/** Everything of a dead-letter topic so far, decoded, until `count` letters of these ids have come. */
async function deadLettered(topic: string, ids: ReadonlySet<string>): Promise<Map<string, Json>> {
  const found = new Map<string, Json>();
  const decode = createDecoder(openWriterSchemas(opsConfig(river.config.env).registry));
  const kafka = new Kafka({ brokers: river.stack.endpoints.kafkaBrokers, logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `test-${randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const { value } = (await decode(message.value)) as Json;
      if (ids.has(value.deadLetterId)) found.set(value.deadLetterId, value);
    },
  });
  try {
    await until(`${ids.size} letters on ${topic}`, async () => found.size === ids.size);
  } finally {
    await consumer.disconnect();
  }
  return found;
}

test('Every kind of poison parks alone on the topic payment, and what is paid around it is settled', async () => {
  const encode = createEncoder(await loadSchemaIds(river.ops));
  const settled = await river.buy([1]);
  await river.untilSettled([settled]);
  const event = (over: Partial<PaymentConfirmed> & { orderId: string }): PaymentConfirmed => ({
    paymentKey: 'pk',
    currency: 'KRW',
    totalAmount: 5n,
    approvedAt: new Date(),
    lines: [{ paymentOrderNo: 900_000_001, sellerNo: 1, productNo: 1, amount: 5n }],
    ...over,
  });
  const of = (value: PaymentConfirmed, over: Partial<Message> = {}): Message => ({
    key: value.orderId,
    value: encode('payment.PaymentConfirmed', value),
    headers: { id: randomUUID(), eventType: 'payment.PaymentConfirmed', aggregateSeq: '1' },
    ...over,
  });
  const line = (sellerNo: number, amount: bigint) => ({
    lines: [{ paymentOrderNo: 900_000_001, sellerNo, productNo: 1, amount }],
  });
  const poison: [RegExp, Message][] = [
    [/not an Avro frame/, of(event({ orderId: randomUUID() }), { value: Buffer.from('no Avro at all') })],
    [
      /registry does not know schema id 999999/,
      of(event({ orderId: randomUUID() }), { value: Buffer.from('00000f423f07', 'hex') }),
    ],
    [
      /unknown event type/,
      of(event({ orderId: randomUUID() }), {
        value: encode('wallet.PaymentSettled', {
          orderId: randomUUID(),
          currency: 'KRW',
          settledAt: new Date(),
          entries: [],
        }),
      }),
    ],
    [/sum to 5, the event says 6/, of(event({ orderId: randomUUID(), totalAmount: 6n }))],
    [/there is no seller 987654321/, of(event({ orderId: randomUUID(), ...line(987_654_321, 5n) }))],
    [/has the amount 0/, of(event({ orderId: randomUUID(), totalAmount: 0n, ...line(1, 0n) }))],
    [/has the amount -5/, of(event({ orderId: randomUUID(), totalAmount: -5n, ...line(1, -5n) }))],
    [/applied before with other content/, of(event({ orderId: settled }))],
    [/no value/, of(event({ orderId: randomUUID() }), { value: null, headers: {} })],
    [/not an Avro frame/, { key: `megabyte-${randomUUID()}`, value: Buffer.alloc(1_000_000, 0x41) }],
  ];
  const before = await river.buy([1, 4]);
  const offsetless = { value: Buffer.from('no key, no id, no type') };
  await send('payment', ...poison.map(([, message]) => message), offsetless);
  const behind = await river.buy([4, 6]);
  await river.untilSettled([before, behind]);
  await until('all are parked', async () => (await parkedCount()) === poison.length + 1);
  await river.expectAudit();

  const { json } = await dlq('list');
  const letters: Json[] = json.deadLetters;
  for (const [error, { key, value }] of poison) {
    const letter = letters.find(({ orderId }) => orderId === key);
    expect(letter?.error).toMatch(error);
    const row = await river.ops.deadLetter.findUniqueOrThrow({ where: { id: letter.id } });
    expect(row.payload === null ? null : Buffer.from(row.payload)).toEqual(value);
  }
  expect(letters.find(({ orderId }) => orderId === null)?.eventId).toMatch(/^payment:\d+:\d+$/);
  const told = await deadLettered('payment_wallet_dlq', new Set(letters.map(({ id }) => id)));
  const [first] = letters;
  expect((await dlq('show', first.id)).json).toMatchObject({ id: first.id, actions: [], lastSeq: 0 });
  const megabyte = letters.find(({ payloadSize }) => payloadSize === 1_000_000);
  expect(told.get(megabyte.id)).toMatchObject({ payloadSize: 1_000_000, topic: 'payment' });
  expect(told.get(megabyte.id).payload).toHaveLength(65_536);

  // Redriven as it is, the event of an unknown seller fails again, and the same letter is open again.
  const seller = letters.find(({ error }) => /no seller/.test(error));
  expect((await dlq('redrive', seller.id)).exitCode).toBe(0);
  await until('it is parked again', async () => {
    const row = await river.ops.deadLetter.findUniqueOrThrow({ where: { id: seller.id } });
    return row.status === 'OPEN' && row.redriveCount === 1;
  });
  const by = { by: 'minji', reason: 'poison of a test' };
  for (const { id } of letters.slice(1)) await resolveByHand(river.ops, id, by);
  expect((await dlq('resolve', first.id, '--reason', by.reason)).json).toMatchObject({
    resolvedBy: 'minji',
    gaveUp: null,
  });
  expect((await dlq('list')).json.deadLetters).toEqual([]);
  expect(await parkedCount()).toBe(0);
  await river.expectAudit();
});

test.each<[string, string]>([
  ['payment', 'wallet-service'],
  ['wallet', 'payment-service'],
])(
  'Behind poison on the topic %s an order waits; once it is out of the way the order’s own events are redriven',
  async (topic, consumer) => {
    const before = await parkedCount();
    const order = await river.order([1, 4]);
    const { orderId } = order;
    await send(topic, { key: orderId, value: Buffer.from('no Avro at all') });
    await until('the poison is parked', async () => (await letterOf(orderId, consumer)).length === 1);
    const neighbour = await river.buy([1]);
    expect((await river.pay(order)).status).toBe(200);
    await river.untilSettled([neighbour]);
    await until('the order’s event is parked', async () => (await letterOf(orderId, consumer)).length === 2);
    const [poison, held] = await letterOf(orderId, consumer);
    expect(held).toMatchObject({ eventSeq: 1, error: expect.stringContaining(poison?.id ?? '') as unknown });
    expect(await parkedCount()).toBe(before + 2);
    await river.expectAudit();

    const refused = await dlq('redrive', held?.id ?? '');
    expect([refused.exitCode, refused.output]).toEqual([
      1,
      expect.stringContaining(`it would wait behind ${poison?.id}`),
    ]);
    const resolved = await dlq('resolve', poison?.id ?? '', '--reason', 'not ours', '--by', 'jun');
    expect(resolved.json).toMatchObject({ resolvedBy: 'jun', gaveUp: null, waiting: 1 });
    expect((await dlq('redrive', '--all')).json).toMatchObject({
      redriven: [{ id: held?.id, orderId, seq: 1 }],
      left: [],
    });
    await river.untilSettled([orderId]);
    const shown = (await dlq('show', held?.id ?? '')).json;
    expect(shown).toMatchObject({
      status: 'RESOLVED',
      resolvedBy: consumer,
      actions: [{ action: 'REDRIVE', by: 'minji' }],
    });
    expect(await river.ops.walletTransaction.count({ where: { orderId } })).toBe(2);
    expect(await parkedCount()).toBe(before);
    await river.expectAudit();
  },
);

test('Wrong arguments get the usage and exit status 1', async () => {
  const wrong = [[], ['redrive'], ['resolve', 'x'], ['list', '--nonsense'], ['redrive', 'x', '--all']];
  for (const { exitCode, output } of await Promise.all(wrong.map((args) => dlq(...args)))) {
    expect(exitCode).toBe(1);
    expect(output).toMatch(/npm run dlq -- list|the reason/);
  }
});
