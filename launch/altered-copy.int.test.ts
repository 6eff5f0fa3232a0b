import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { HEADER } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { createConsumerMetrics } from '#messaging/consumer.metrics';
import { createBatchProcessor } from '#messaging/process-batch';
import { audit, auditText } from '#ops/audit';
import { redriveAll, redriveOne, resolveByHand, showDeadLetter, type ShownLetter } from '#ops/dead-letters';
import { seqRange } from '#ops/dead-letters.rules';
import { showText } from '#ops/dead-letters.text';
import { acknowledgementService } from '#payment-api/acknowledge-settlement/acknowledge-settlement';
import { startTestApi, type Json, type TestApi } from '#payment-api/payment-api.fixture';
import { databaseClock } from '#prisma/clock';
import { openDatabase, type Database } from '#prisma/database';
import { testCodec } from '#prisma/database.fixture';
import { createSettlementConsumer } from '#wallet-consumer/settle-payments/settle-payments.consumer';

// A copy of an event with the event's own id and number, but other bytes, comes before the event itself: both are parked.
// The operator does what `dlq show` says, word for word. Real MySQL, both consumers; the topics are played by the test.

const { encode, decode } = testCodec();
const log = createLog('test', 'silent');
const by = 'minji';
let api: TestApi;
let wallet: Database;
let ops: Database;
let settle: ReturnType<typeof createSettlementConsumer>;
let acknowledge: ReturnType<typeof createBatchProcessor>;
beforeAll(async () => {
  api = await startTestApi();
  wallet = openDatabase(api.database.url('wallet'), 4);
  ops = openDatabase(api.database.url('ops'), 2);
  const deps = { encode, decode, clock: databaseClock, ids: systemIds, transactionTimeoutMs: 60_000, log };
  settle = createSettlementConsumer({ ...deps, db: wallet }, new Registry());
  acknowledge = createBatchProcessor(acknowledgementService, {
    ...deps,
    db: api.world.db,
    metrics: createConsumerMetrics(new Registry(), { prefix: 'payment', applied: 'acknowledged' }),
  });
});
afterAll(async () => {
  await wallet.$disconnect();
  await ops.$disconnect();
  await api.close();
});

const outboxOf = (orderId: string, topic: string): Promise<Json[]> =>
  api.database.administer('SELECT * FROM outbox WHERE aggregate_id = ? AND aggregate_type = ? ORDER BY no', [
    orderId,
    topic,
  ]);

let offset = 0n;
/** An outbox row as the router puts it on its topic. */
function messageOf(row: Json, over: Partial<ConsumedMessage> = {}): ConsumedMessage {
  offset += 1n;
  return {
    topic: row.aggregate_type,
    partition: 0,
    offset,
    key: Buffer.from(row.aggregate_id),
    value: row.payload,
    headers: {
      [HEADER.eventId]: row.id,
      [HEADER.eventType]: row.event_type,
      [HEADER.aggregateSeq]: String(row.event_seq),
      ...(row.redrive_of === null ? {} : { [HEADER.redriveOf]: row.redrive_of }),
    },
    ...over,
  };
}

/** To the topic's consumer. */
async function deliver(message: ConsumedMessage): Promise<void> {
  if (message.topic === 'payment') return await settle([message]);
  await acknowledge([message]);
}

/** Everything that the outbox has of the topic, perhaps once more, at a new place: what is done changes nothing. */
async function deliverAll(orderId: string, topic: string): Promise<void> {
  for (const row of await outboxOf(orderId, topic)) await deliver(messageOf(row));
}

async function deliverRedriven(orderId: string, topic: string): Promise<void> {
  const rows = await outboxOf(orderId, topic);
  for (const row of rows.filter(({ redrive_of }) => redrive_of !== null)) await deliver(messageOf(row));
}

const lettersOf = async (orderId: string): Promise<ShownLetter[]> => {
  const rows = await ops.deadLetter.findMany({ where: { aggregateId: orderId }, orderBy: { no: 'asc' } });
  return await Promise.all(rows.map(({ id }) => showDeadLetter(ops, decode, id)));
};

/** Runs the commands of an advice in their order. @returns them */
async function follow({ advice, orderId, topic }: ShownLetter): Promise<string[]> {
  const done: string[] = [];
  for (const [, command, id = '', rest = ''] of advice.matchAll(
    /npm run dlq -- (\w+) ([\w-]+)((?: --\w+ \w+)*)/g,
  )) {
    done.push(`${command} ${id}${rest}`);
    const seq = /--seq (\w+)/.exec(rest)?.[1];
    if (command === 'show') await showDeadLetter(ops, decode, id);
    if (command === 'resolve')
      await resolveByHand(ops, id, {
        by,
        reason: 'an altered copy',
        ...(seq === undefined ? {} : { seq: seqRange(seq) }),
      });
    if (command === 'redrive') await redriveOne({ db: ops, ids: systemIds, by }, id, { again: false });
  }
  await deliverRedriven(orderId ?? '', topic);
  return done;
}

/** The order is settled once, by its own lines; whatever comes again, nothing is parked, and every invariant holds. */
async function expectDone(orderId: string, letters = 2): Promise<void> {
  await deliverAll(orderId, 'payment');
  await deliverAll(orderId, 'wallet');
  expect((await lettersOf(orderId)).map(({ status }) => status)).toEqual(
    Array.from({ length: letters }, () => 'RESOLVED'),
  );
  const credits = await ops.walletTransaction.findMany({
    where: { orderId },
    orderBy: { referenceId: 'asc' },
  });
  expect(credits.map(({ referenceId, amount }) => [Number(referenceId), amount.toFixed(2)])).toEqual(
    (await api.lines(orderId)).map(({ no, amount }) => [Number(no), amount]),
  );
  expect((await api.payment(orderId)).is_wallet_done).toBe(1);
  const report = await audit(ops, { graceS: 0, decode });
  if (!report.holds) throw new Error(auditText(report));
  expect(report.counts).toMatchObject({ parked: 0, parkedOrders: 0, inFlight: 0 });
  expect(report.givenUp.rows.filter((row) => row['order_id'] === orderId)).toEqual([]);
}

/** A paid order whose event on the topic is about to come, behind a copy with other bytes. */
async function parkedBehind(topic: string, alter: (value: Buffer) => Promise<Buffer> | Buffer) {
  const { orderId } = await api.paid([1, 4]);
  if (topic === 'wallet') await deliverAll(orderId, 'payment');
  const [row] = await outboxOf(orderId, topic);
  await deliver(messageOf(row, { value: await alter(row.payload) }));
  await deliver(messageOf(row));
  const [copy, real] = await lettersOf(orderId);
  if (copy === undefined || real === undefined) throw new Error('both should be parked');
  expect([copy.eventId, copy.seq, copy.origin]).toEqual([row.id, 1, 'altered']);
  expect([real.eventId, real.seq, real.origin]).toEqual([`${topic}:0:${offset}`, 1, 'published']);
  expect(real.error).toBe(`another content has come as event ${row.id} before`);
  return { orderId, copy, real };
}

describe.each(['payment', 'wallet'])('An altered copy on the topic %s', (topic) => {
  it('When it has parked the event itself, then the advice leads to one settlement and nothing open', async () => {
    const { orderId, copy, real } = await parkedBehind(topic, () => Buffer.from('no Avro at all'));
    expect(showText(real)).toContain(`\n  rivals     ${copy.id}\n  bytes      what was published`);
    expect(showText(real)).toContain(`what next  ${real.advice}`);
    expect(await follow(real)).toEqual([
      `show ${copy.id}`,
      `resolve ${copy.id} --reason TEXT --seq none`,
      `redrive ${real.id}`,
    ]);
    await expectDone(orderId);
  });

  it('When the event is redriven before the copy is closed, then the order is settled as well', async () => {
    const { orderId, copy, real } = await parkedBehind(topic, () => Buffer.from('no Avro at all'));
    await redriveOne({ db: ops, ids: systemIds, by }, real.id, { again: false });
    await deliverRedriven(orderId, topic);
    expect((await resolveByHand(ops, copy.id, { by, reason: 'an altered copy' })).gaveUp).toBeNull();
    await expectDone(orderId);
  });
});

test('When the event comes again before anybody has looked, then each letter’s advice can be followed', async () => {
  const { orderId, copy, real } = await parkedBehind('payment', () => Buffer.from('no Avro at all'));
  await deliverAll(orderId, 'payment');
  const [, , again] = await lettersOf(orderId);
  await resolveByHand(ops, copy.id, { by, reason: 'an altered copy' });
  await redriveOne({ db: ops, ids: systemIds, by }, real.id, { again: false });
  await deliverRedriven(orderId, 'payment');
  const shown = await showDeadLetter(ops, decode, again?.id ?? '');
  expect(shown.advice).toMatch(/^This very content has been taken/);
  expect(await follow(shown)).toEqual([`resolve ${again?.id} --reason TEXT`]);
  await expectDone(orderId, 3);
});

test('When the event comes again before anybody has looked, then one is redriven, and closing the other gives nothing up', async () => {
  const { orderId, copy, real } = await parkedBehind('payment', () => Buffer.from('no Avro at all'));
  await deliverAll(orderId, 'payment');
  const [, , again] = await lettersOf(orderId);
  expect([again?.rivals, again?.twins]).toEqual([[copy.id], [real.id]]);
  expect((await resolveByHand(ops, again?.id ?? '', { by, reason: 'came twice' })).gaveUp).toBeNull();
  await follow(real);
  await expectDone(orderId, 3);
});

test('When only an altered copy has come, then closing it does not pass for the end of the matter', async () => {
  const { orderId } = await api.paid([1, 4]);
  const [row] = await outboxOf(orderId, 'payment');
  await deliver(messageOf(row, { value: Buffer.from('no Avro at all') }));
  const [copy] = await lettersOf(orderId);
  expect(copy?.advice).toContain('What was published has not been taken, and closing this does not bring it');
  expect(await follow(copy as ShownLetter)).toEqual([`resolve ${copy?.id} --reason TEXT`]);
  await deliver(messageOf(row));
  const [, real] = await lettersOf(orderId);
  expect(await follow(real as ShownLetter)).toEqual([`redrive ${real?.id}`]);
  await expectDone(orderId);
});

test('When its number was given up before the event came, then it is said that nothing was booked', async () => {
  const { orderId } = await api.paid([1, 4]);
  const [row] = await outboxOf(orderId, 'payment');
  await deliver(messageOf(row, { value: Buffer.from('no Avro at all') }));
  const [copy] = await lettersOf(orderId);
  await resolveByHand(ops, copy?.id ?? '', { by, reason: 'lost', seq: seqRange('1') });
  await deliver(messageOf(row));
  const [, real] = await lettersOf(orderId);
  expect(real?.advice).toMatch(/^Its number was given up, and nothing was booked under it: .* paid by hand/);
  const world = { db: ops, ids: systemIds, by };
  await expect(redriveOne(world, real?.id ?? '', { again: false })).rejects.toThrow(/or given up$/);
  expect((await redriveAll(world)).left.map(({ id }) => id)).toContain(real?.id);
  expect(await follow(real as ShownLetter)).toEqual([`resolve ${real?.id} --reason TEXT`]);
});

test('When its number was given up and it comes late, then it is parked: whoever paid by hand does not pay twice', async () => {
  const { orderId } = await api.paid([1, 4]);
  const [row] = await outboxOf(orderId, 'payment');
  await deliver(messageOf({ ...row, id: systemIds.eventId() }, { value: Buffer.from('no Avro at all') }));
  const [copy] = await lettersOf(orderId);
  await resolveByHand(ops, copy?.id ?? '', { by, reason: 'paid by hand', seq: seqRange('1') });
  await deliver(messageOf(row));
  const [, late] = await lettersOf(orderId);
  expect(late).toMatchObject({ status: 'OPEN', seq: 1 });
  expect(await follow(late as ShownLetter)).toEqual([`resolve ${late?.id} --reason TEXT`]);
  expect(late?.error).toBe('sequence 1 was skipped by an operator (2 is next)');
  const lines = await api.database.administer('SELECT no FROM wallet_transactions WHERE order_id = ?', [
    orderId,
  ]);
  expect(lines).toEqual([]);
});

test('When a wallet event was given up and comes late, then it is parked, too', async () => {
  const { orderId } = await api.paid([1, 4]);
  await deliverAll(orderId, 'payment');
  const [row] = await outboxOf(orderId, 'wallet');
  await deliver(messageOf({ ...row, id: systemIds.eventId() }, { value: Buffer.from('no Avro at all') }));
  const [copy] = await lettersOf(orderId);
  await resolveByHand(ops, copy?.id ?? '', { by, reason: 'marked by hand', seq: seqRange('1') });
  await deliver(messageOf(row));
  const [, late] = await lettersOf(orderId);
  expect(late?.error).toBe('sequence 1 was skipped by an operator (2 is next)');
  expect(await follow(late as ShownLetter)).toEqual([`resolve ${late?.id} --reason TEXT`]);
});

describe('A well-formed copy with other money', () => {
  const nobody = 900_000_000;
  const nobodyElse = 900_000_001;
  /** The first line's money goes to somebody else. */
  const toSeller = (sellerNo: number) => async (value: Buffer) => {
    const event = await decode(value);
    if (event.record !== 'payment.PaymentConfirmed') throw new Error(event.record);
    const [first, ...others] = event.value.lines;
    if (first === undefined) throw new Error('no line');
    return encode(event.record, { ...event.value, lines: [{ ...first, sellerNo }, ...others] });
  };
  const appear = (sellerNo: number) =>
    api.database.administer('INSERT INTO sellers (no, seller_id) VALUES (?, ?)', [sellerNo, randomUUID()]);

  it('When all is redriven after its reason is gone, then only the published event is, and the copy stays', async () => {
    const { orderId, copy, real } = await parkedBehind('payment', toSeller(nobody));
    expect(copy.error).toBe(`there is no seller ${nobody}`);
    await appear(nobody);
    const report = await redriveAll({ db: ops, ids: systemIds, by });
    expect(report.left.map(({ id }) => id)).toEqual([copy.id]);
    expect(report.left[0]?.reason).toBe('other bytes than these were published as number 1 of its order');
    expect(report.redriven.map(({ id }) => id)).toEqual([real.id]);
    await deliverRedriven(orderId, 'payment');
    const shown = await showDeadLetter(ops, decode, copy.id);
    expect(showText(shown)).toMatch(/It cannot be redriven: other bytes .* Resolve it by hand/);
    expect(await follow(shown)).toEqual([`resolve ${copy.id} --reason TEXT`]);
    await expectDone(orderId);
  });

  it('When the outbox was purged, then neither is redriven until the copy is closed', async () => {
    const { orderId, copy, real } = await parkedBehind('payment', toSeller(nobodyElse));
    const [row] = await outboxOf(orderId, 'payment');
    await api.database.administer('DELETE FROM outbox WHERE id = ?', [row.id]);
    await appear(nobodyElse);
    const report = await redriveAll({ db: ops, ids: systemIds, by });
    expect([report.redriven, report.left.map(({ id }) => id)]).toEqual([[], [copy.id, real.id]]);
    await resolveByHand(ops, copy.id, { by, reason: 'an altered copy', seq: null });
    await redriveOne({ db: ops, ids: systemIds, by }, real.id, { again: false });
    await deliverRedriven(orderId, 'payment');
    expect((await lettersOf(orderId)).map(({ status }) => status)).toEqual(['RESOLVED', 'RESOLVED']);
    expect(await ops.walletTransaction.count({ where: { orderId } })).toBe(2);
  });

  it('When it has been booked, then the event is not redriven, and one that is on its way is parked again', async () => {
    const { orderId } = await api.paid([1, 4]);
    const [row] = await outboxOf(orderId, 'payment');
    const event = await decode(row.payload);
    if (event.record !== 'payment.PaymentConfirmed') throw new Error(event.record);
    const value = encode(event.record, { ...event.value, paymentKey: 'altered' });
    await deliver(messageOf(row, { value }));
    await deliver(messageOf(row));
    const [real] = await lettersOf(orderId);
    expect(real?.advice).toMatch(
      /^This is what was published, but its order has gone on with another content/,
    );
    expect(real?.advice).toContain(`npm run trace -- ${orderId}`);
    expect(real?.advice).not.toContain('dlq -- redrive');
    const redriven = redriveOne({ db: ops, ids: systemIds, by }, real?.id ?? '', { again: false });
    await expect(redriven).rejects.toThrow(/number 1 of its order was taken by another content/);
    await deliver(messageOf({ ...row, id: systemIds.eventId(), redrive_of: real?.id }));
    const letters = await lettersOf(orderId);
    expect(letters.map(({ status, error }) => [status, error])).toEqual([
      ['OPEN', 'sequence 1 was applied before with other content (last is 1)'],
    ]);
    expect(await ops.walletTransaction.count({ where: { orderId } })).toBe(2);
    expect(await follow(letters[0] as ShownLetter)).toEqual([`resolve ${real?.id} --reason TEXT`]);
  });
});
