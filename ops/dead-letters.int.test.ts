import { randomUUID } from 'node:crypto';
import { systemIds } from '#kit/ids';
import { openDatabase } from '#prisma/database';
import { openTestDatabase, testCodec, type TestDatabase } from '#prisma/database.fixture';
import { CommandError } from './command';
import {
  listDeadLetters,
  redriveAll,
  redriveOne,
  resolveByHand,
  showDeadLetter,
  type RedriveWorld,
} from './dead-letters';
import { seqRange } from './dead-letters.rules';
import { deadLetterJson, listText, redriveText, resolvedText, showText } from './dead-letters.text';
import type { ParkCause } from '#prisma/dead-letters.rules';

// What an operator does with parked messages, as the user `ops` with its grants and no more.

const { encode, decode } = testCodec();
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
let database: TestDatabase;
let world: RedriveWorld;
beforeAll(async () => {
  database = await openTestDatabase('ops');
  world = { db: database.db, ids: systemIds, by: 'minji' };
});
afterAll(() => database.close());

const settled = (orderId: string): Buffer =>
  encode('wallet.PaymentSettled', {
    orderId,
    currency: 'KRW',
    settledAt: new Date('2026-11-22T03:00:00.123Z'),
    entries: [
      { sellerNo: 1, walletNo: 1, paymentOrderNo: 7, amount: 6_000n, walletSeq: 1, lineHash: 'a'.repeat(64) },
    ],
  });

interface Parked {
  consumer?: string;
  topic?: string;
  orderId?: string | null;
  seq?: number | null;
  eventType?: string | null;
  payload?: Buffer | null;
  cause?: ParkCause;
  error?: string;
  eventId?: string;
}

let offset = 0;
/** A message as a consumer parks it. */
async function parked(over: Parked = {}): Promise<{ id: string; orderId: string; eventId: string }> {
  offset += 1;
  const orderId = over.orderId === undefined ? randomUUID() : over.orderId;
  const letter = {
    consumer: 'payment-service',
    topic: 'wallet',
    seq: 1,
    eventType: 'wallet.PaymentSettled',
    payload: settled(orderId ?? 'x'),
    cause: 'unknown_order',
    error: 'unknown order',
    eventId: randomUUID(),
    ...over,
  };
  const id = systemIds.eventId();
  await database.administer(
    `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, event_type, message_key,
       aggregate_id, event_seq, headers, payload, cause, error) VALUES (?, ?, ?, 3, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      id,
      letter.consumer,
      letter.topic,
      offset,
      letter.eventId,
      letter.eventType,
      orderId,
      orderId,
      letter.seq,
      JSON.stringify({ id: letter.eventId, traceparent: TRACE }),
      letter.payload,
      letter.cause,
      letter.error,
    ],
  );
  return { id, orderId: orderId ?? '', eventId: letter.eventId };
}

/** The payment side has come so far with the order, of which the wallet side has published as much. */
async function taken(orderId: string, seq: number): Promise<void> {
  await database.administer(
    `INSERT INTO payment_events (member_no, order_id, order_name, total_amount, last_event_seq, acknowledged_events)
     VALUES (1, ?, 'x', 1, 9, ?) ON DUPLICATE KEY UPDATE acknowledged_events = VALUES(acknowledged_events)`,
    [orderId, seq],
  );
  await database.administer(
    `INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES (?, ?, ?)
     ON DUPLICATE KEY UPDATE last_seq_in = VALUES(last_seq_in), last_seq_out = VALUES(last_seq_out)`,
    [orderId, seq, seq],
  );
}

const row = (id: string) => database.db.deadLetter.findUniqueOrThrow({ where: { id } });
const outboxOf = (id: string) =>
  database.db.outbox.findMany({ where: { redriveOf: id }, orderBy: { no: 'asc' } });
const one = (id: string, again = false) => redriveOne(world, id, { again });
/** Earlier tests' letters are out of the way. */
const clear = () =>
  database.administer("UPDATE dead_letters SET status = 'RESOLVED' WHERE status <> 'RESOLVED'");

describe('dlq list and show', () => {
  it('When messages are parked, then they are listed in their order, without their bytes', async () => {
    await clear();
    const [first, second] = [await parked(), await parked({ seq: null, eventType: null })];
    await database.administer("UPDATE dead_letters SET status = 'REDRIVING' WHERE id = ?", [second.id]);
    const { deadLetters, hasMore } = await listDeadLetters(world.db, { withResolved: false });
    expect(deadLetters.map(({ id, status }) => [id, status])).toEqual([
      [first.id, 'OPEN'],
      [second.id, 'REDRIVING'],
    ]);
    expect(hasMore).toBe(false);
    expect(deadLetters[0]).toMatchObject({
      payloadSize: settled(first.orderId).length,
      orderId: first.orderId,
    });
    const text = listText({ deadLetters, hasMore });
    expect(text).toContain(`${first.id}  OPEN`);
    expect(text).toContain(`order ${first.orderId} #1  wallet.PaymentSettled  unknown order`);
    expect(await listDeadLetters(world.db, { withResolved: false, countMax: 1 })).toMatchObject({
      hasMore: true,
    });
    const all = await listDeadLetters(world.db, { withResolved: true });
    expect(all.deadLetters.length).toBeGreaterThanOrEqual(2);
    await clear();
    expect(listText(await listDeadLetters(world.db, { withResolved: false }))).toBe('no dead letters');
  });

  it('When one is shown, then its bytes are decoded and it is said what stands in the way', async () => {
    const before = await parked({ cause: 'unknown_seller', error: 'there is no seller 9' });
    const { id, orderId } = await parked({
      orderId: before.orderId,
      seq: 2,
      cause: 'gap',
      error: 'sequence 2 arrived, but 1 is missing',
    });
    const shown = await showDeadLetter(world.db, decode, id);
    expect(shown).toMatchObject({
      id,
      decoded: { record: 'wallet.PaymentSettled', value: { orderId } },
      headers: [
        ['id', expect.any(String)],
        ['traceparent', TRACE],
      ],
      key: orderId,
      lastSeq: 0,
      dueSeq: 1,
      behind: before.id,
      waiting: 0,
      whyNotRedrivable: null,
      actions: [],
    });
    expect(showText(shown)).toMatch(/"amount": "6000"/);
    expect(showText(shown)).toMatch(/what next {2}An earlier event of the order has not arrived/);
    expect(await showDeadLetter(world.db, decode, before.id)).toMatchObject({ waiting: 1, behind: null });
    const json = JSON.parse(deadLetterJson(shown)) as { payload: string; offset: string };
    expect(Buffer.from(json.payload, 'base64')).toEqual(settled(orderId));
    expect(json.offset).toBe(String(offset));
  });

  it('When headers are repeated, no text or absent, then each is shown', async () => {
    const { id } = await parked();
    const headers = [
      ['many', 'x'],
      ['many', 'y'],
      ['bytes', { base64: '/wA=' }],
      ['none', null],
    ];
    await database.administer('UPDATE dead_letters SET headers = ? WHERE id = ?', [
      JSON.stringify(headers),
      id,
    ]);
    const shown = await showDeadLetter(world.db, decode, id);
    expect(showText(shown)).toContain('  many: x\n  many: y\n  bytes: base64 /wA=\n  none: (no value)');
    expect(JSON.parse(deadLetterJson(shown))).toMatchObject({ headers });
  });

  it.each<[string, Buffer | null, RegExp]>([
    ['not Avro', Buffer.from('hello, world'), /not readable: not an Avro frame/],
    ['a tombstone', null, /not readable: no value/],
    ['of an unknown schema', Buffer.from('00000003e7', 'hex'), /not readable: no schema 999/],
  ])('When the bytes are %s, then that is said', async (_what, payload, says) => {
    const { id } = await parked({ payload });
    expect(showText(await showDeadLetter(world.db, decode, id))).toMatch(says);
  });

  it('When there is no such dead letter, then every command says so', async () => {
    const nothing = /there is no dead letter nowhere/;
    await expect(showDeadLetter(world.db, decode, 'nowhere')).rejects.toThrow(nothing);
    await expect(one('nowhere')).rejects.toThrow(nothing);
    await expect(resolveByHand(world.db, 'nowhere', { by: 'a', reason: 'b' })).rejects.toThrow(nothing);
  });
});

describe('dlq redrive', () => {
  it('When a message is redriven, then its bytes leave once more as a new event, and it is written down who did it', async () => {
    const { id, orderId } = await parked();
    const { redriven } = await one(id);
    const [event, ...others] = await outboxOf(id);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      id: redriven[0]?.eventId,
      aggregateType: 'wallet',
      aggregateId: orderId,
      aggregateSeq: null,
      eventSeq: 1,
      eventType: 'wallet.PaymentSettled',
      idempotencyKey: `redrive:${id}:1`,
      traceparent: TRACE,
    });
    expect(Buffer.from(event?.payload ?? [])).toEqual(settled(orderId));
    expect(await row(id)).toMatchObject({ status: 'REDRIVING', redriveCount: 1, redrivenBy: 'minji' });
    expect(Date.now() - ((await row(id)).redrivenAt?.getTime() ?? 0)).toBeLessThan(30_000);
    const { actions } = await showDeadLetter(world.db, decode, id);
    expect(actions).toMatchObject([{ action: 'REDRIVE', by: 'minji', eventId: event?.id }]);
    expect(redriveText({ redriven, left: [] })).toContain('1 redriven, 0 left');
  });

  it('When it was parked again, then it is redriven under the next key; while it is on its way, only --again', async () => {
    const { id } = await parked();
    await one(id);
    await expect(one(id)).rejects.toThrow(/is being redriven since .* by minji.*--again/);
    await one(id, true);
    await database.administer("UPDATE dead_letters SET status = 'OPEN' WHERE id = ?", [id]);
    await one(id);
    expect((await outboxOf(id)).map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      `redrive:${id}:1`,
      `redrive:${id}:2`,
      `redrive:${id}:3`,
    ]);
    expect((await showDeadLetter(world.db, decode, id)).actions).toHaveLength(3);
  });

  it('When two operators redrive the same message at once, then one does, and the other is told', async () => {
    const { id } = await parked();
    const other = openDatabase(database.url('ops'), 2);
    const results = await Promise.allSettled([
      one(id),
      redriveOne({ db: other, ids: systemIds, by: 'jun' }, id, { again: false }),
    ]);
    await other.$disconnect();
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = results.find((result) => result.status === 'rejected');
    expect(lost?.reason).toBeInstanceOf(CommandError);
    expect(await outboxOf(id)).toHaveLength(1);
  });

  it.each<[string, Parked, RegExp]>([
    [
      'is larger than the outbox takes',
      { payload: Buffer.alloc(524_289, 1) },
      /524289 bytes exceeds the 524288/,
    ],
    ['is a tombstone', { payload: null }, /no bytes is no event/],
    ['is four bytes', { payload: Buffer.from('junk') }, /4 bytes is no event/],
    ['has no key', { orderId: null }, /no order id/],
    ['has no number', { seq: null }, /no sequence number/],
    ['has no type', { eventType: null }, /no event type/],
    ['has a type of no ASCII', { eventType: '결제' }, /no event type/],
    ['came from another topic', { topic: 'elsewhere' }, /nothing is published to the topic elsewhere/],
  ])('When a message %s, then it cannot be redriven, and the reason is said', async (_what, over, says) => {
    const { id } = await parked(over);
    await expect(one(id)).rejects.toThrow(says);
    expect(await row(id)).toMatchObject({ status: 'OPEN', redriveCount: 0 });
    expect(await outboxOf(id)).toEqual([]);
    expect(showText(await showDeadLetter(world.db, decode, id))).toMatch(
      /It cannot be redriven: .*Resolve it by hand/,
    );
  });

  it('When exactly as much as the outbox takes is redriven, then it leaves', async () => {
    const { id } = await parked({ payload: Buffer.alloc(524_288, 1) });
    await one(id);
    expect((await outboxOf(id))[0]?.payload.length).toBe(524_288);
  });

  it('When an earlier message of the order is open, then the later one is not redriven before it', async () => {
    const first = await parked();
    const second = await parked({ orderId: first.orderId, seq: 2 });
    await expect(one(second.id)).rejects.toThrow(`it would wait behind ${first.id}`);
    await one(first.id);
    await one(second.id);
    expect(await row(second.id)).toMatchObject({ status: 'REDRIVING' });
  });

  it('When an earlier number of the order has not been taken, then it would be parked again, and stays', async () => {
    const { id, orderId } = await parked({
      seq: 3,
      cause: 'gap',
      error: 'sequence 3 arrived, but 1 is missing',
    });
    await expect(one(id)).rejects.toThrow(
      'it would be parked again: number 1 of its order has not been taken',
    );
    await taken(orderId, 1);
    await expect(one(id)).rejects.toThrow('number 2 of its order has not been taken');
    expect((await showDeadLetter(world.db, decode, id)).advice).toMatch(
      /^An earlier event .* has not arrived/,
    );
    await taken(orderId, 2);
    expect((await showDeadLetter(world.db, decode, id)).advice).toBe(
      `Every earlier event of the order has been taken by now. Redrive it: npm run dlq -- redrive ${id}.`,
    );
    expect((await one(id)).redriven).toHaveLength(1);
  });

  it('When the missing number was given up, then what comes after it is redriven', async () => {
    const first = await parked({ payload: Buffer.from('junk!') });
    const third = await parked({ orderId: first.orderId, seq: 3 });
    await resolveByHand(world.db, first.id, { by: 'minji', reason: 'lost', seq: seqRange('1-2') });
    expect((await one(third.id)).redriven).toHaveLength(1);
  });

  it('When two claim a number with different bytes and the outbox has neither, then both stay until one is closed', async () => {
    await clear();
    const copy = await parked({
      cause: 'unknown_seller',
      error: 'there is no seller 9',
      payload: settled(randomUUID()),
    });
    const real = await parked({
      orderId: copy.orderId,
      cause: 'conflict',
      error: 'another content has come as event x before',
    });
    const { redriven, left } = await redriveAll(world);
    expect([redriven, left.map(({ id }) => id)]).toEqual([[], [copy.id, real.id]]);
    expect(left[0]?.reason).toContain(`${real.id} has other bytes under the same number`);
    const { advice } = await showDeadLetter(world.db, decode, copy.id);
    expect(advice).toContain(`Two contents claim its place`);
    expect(advice).toContain(`npm run dlq -- show ${real.id}`);
    await resolveByHand(world.db, copy.id, { by: 'minji', reason: 'forged', seq: null });
    expect((await redriveAll(world)).redriven.map(({ id }) => id)).toEqual([real.id]);
  });

  it('When a resolved one is redriven, then it is said who resolved it', async () => {
    const { id } = await parked();
    await resolveByHand(world.db, id, { by: 'jun', reason: 'a test of ours' });
    await expect(one(id, true)).rejects.toThrow(/was resolved by jun at .*: a test of ours/);
  });
});

describe('dlq redrive --all', () => {
  it('When all are redriven, then each order’s leave in the order of their numbers, on the topic they came from', async () => {
    await clear();
    const third = await parked({ seq: 3 });
    const { orderId } = third;
    const first = await parked({ orderId, seq: 1 });
    const theirs = await parked({
      consumer: 'wallet-service',
      topic: 'payment',
      eventType: 'payment.PaymentConfirmed',
    });
    const second = await parked({ orderId, seq: 2 });
    const report = await redriveAll(world);
    expect(report.left).toEqual([]);
    expect(report.redriven.filter((r) => r.orderId === orderId).map(({ id }) => id)).toEqual([
      first.id,
      second.id,
      third.id,
    ]);
    const events = await database.db.outbox.findMany({
      where: { aggregateId: orderId },
      orderBy: { no: 'asc' },
    });
    expect(events.map(({ eventSeq }) => eventSeq)).toEqual([1, 2, 3]);
    expect((await outboxOf(theirs.id))[0]?.aggregateType).toBe('payment');
    expect(redriveText(await redriveAll(world))).toBe('nothing is open');
  });

  it('When one of an order cannot be redriven, then the later ones stay behind it, and other orders go', async () => {
    await clear();
    const junk = await parked({ seq: null, payload: Buffer.from('junk') });
    const behind = await parked({ orderId: junk.orderId, seq: 1 });
    const free = await parked();
    const keyless = await parked({ orderId: null });
    const report = await redriveAll(world);
    expect(report.redriven.map(({ id }) => id)).toEqual([free.id]);
    expect(Object.fromEntries(report.left.map(({ id, reason }) => [id, reason]))).toEqual({
      [keyless.id]: expect.stringContaining('no order id') as unknown,
      [junk.id]: expect.stringContaining('no event') as unknown,
      [behind.id]: expect.stringContaining(`behind ${junk.id}`) as unknown,
    });
    await resolveByHand(world.db, junk.id, { by: 'jun', reason: 'junk' });
    expect((await redriveAll(world)).redriven.map(({ id }) => id)).toEqual([behind.id]);
  });
});

describe('dlq resolve', () => {
  const publish = (id: string, orderId: string, seq: number, payload = settled(orderId)) =>
    database.administer(
      `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
         payload) VALUES (?, 'wallet', ?, ?, ?, 'x.Y', ?, ?)`,
      [id, orderId, seq, seq, id, payload],
    );

  it('When the event that was published under its number is closed, then that number is given up, with name and reason', async () => {
    const { id, orderId, eventId } = await parked({ seq: 2 });
    await publish(eventId, orderId, 2);
    await parked({ orderId, seq: 3 });
    const resolved = await resolveByHand(world.db, id, { by: 'minji', reason: 'settled by hand, ticket 12' });
    expect(resolved).toEqual({
      id,
      resolvedBy: 'minji',
      reason: 'settled by hand, ticket 12',
      gaveUp: { fromSeq: 2, toSeq: 2 },
      waiting: 1,
    });
    expect(await row(id)).toMatchObject({
      status: 'RESOLVED',
      resolvedBy: 'minji',
      resolution: 'settled by hand, ticket 12',
      closedFromSeq: 2,
      closedToSeq: 2,
    });
    const shown = await showDeadLetter(world.db, decode, id);
    expect(shown.actions).toMatchObject([
      { action: 'RESOLVE', by: 'minji', reason: 'settled by hand, ticket 12' },
    ]);
    expect(showText(shown)).toMatch(/resolved by minji: settled by hand, ticket 12; gave up number 2/);
    expect(resolvedText(resolved)).toMatch(/number 2 of the order was given up\n1 messages/);
    await expect(resolveByHand(world.db, id, { by: 'jun', reason: 'again' })).rejects.toThrow(/by minji/);
  });

  it('When somebody’s junk is closed that carries a real number, then the number is not given up', async () => {
    const { id, orderId } = await parked({ seq: 2 });
    await publish(randomUUID(), orderId, 2, settled(randomUUID()));
    const resolved = await resolveByHand(world.db, id, { by: 'minji', reason: 'junk' });
    expect(resolved.gaveUp).toBeNull();
    expect(resolvedText(resolved)).toContain('nothing of the order’s sequence was given up');
    // A copy with the event's own id and number, but not its bytes: the event itself is still to come.
    const copy = await parked({ seq: 1, payload: Buffer.from('junk') });
    await publish(copy.eventId, copy.orderId, 1);
    expect((await resolveByHand(world.db, copy.id, { by: 'minji', reason: 'junk' })).gaveUp).toBeNull();
  });

  it('When the published event is known by its place, because a copy had its id, then its number is given up', async () => {
    const { id, orderId } = await parked({
      seq: 2,
      eventId: 'wallet:3:77',
      cause: 'conflict',
      error: `another content has come as event ${randomUUID()} before`,
    });
    await publish(randomUUID(), orderId, 2);
    const resolved = await resolveByHand(world.db, id, { by: 'minji', reason: 'refunded by hand' });
    expect(resolved.gaveUp).toEqual({ fromSeq: 2, toSeq: 2 });
  });

  it('When an altered copy has left once more, then its own redriven event does not make it the published one', async () => {
    const { id, orderId } = await parked({ payload: settled(randomUUID()) });
    await one(id);
    await publish(randomUUID(), orderId, 1);
    expect((await resolveByHand(world.db, id, { by: 'minji', reason: 'junk' })).gaveUp).toBeNull();
  });

  it('When the same bytes are parked twice, then closing one gives nothing up, and closing the last does', async () => {
    const first = await parked();
    const again = await parked({ orderId: first.orderId, eventId: 'wallet:3:78' });
    await publish(first.eventId, first.orderId, 1);
    const shown = await showDeadLetter(world.db, decode, again.id);
    expect([shown.rivals, shown.twins]).toEqual([[], [first.id]]);
    expect(shown.advice).toContain(`The same bytes are parked as ${first.id}: see to one of them`);
    const close = (id: string) => resolveByHand(world.db, id, { by: 'minji', reason: 'came twice' });
    expect((await close(again.id)).gaveUp).toBeNull();
    expect((await close(first.id)).gaveUp).toEqual({ fromSeq: 1, toSeq: 1 });
  });

  it('When two operators close two copies at once, then the number is given up once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const first = await parked();
      const again = await parked({ orderId: first.orderId, eventId: `wallet:4:${round}` });
      await publish(first.eventId, first.orderId, 1);
      const closed = await Promise.all(
        [first, again].map(({ id }) => resolveByHand(world.db, id, { by: 'minji', reason: 'came twice' })),
      );
      expect(closed.filter(({ gaveUp }) => gaveUp !== null)).toHaveLength(1);
    }
  });

  it('When a number was taken, or never published, then it cannot be given up', async () => {
    const { id, orderId } = await parked({ seq: 3 });
    await taken(orderId, 2);
    await database.administer('UPDATE settlements SET last_seq_out = 3 WHERE order_id = ?', [orderId]);
    const close = (seq: string) =>
      resolveByHand(world.db, id, { by: 'minji', reason: 'lost', seq: seqRange(seq) });
    await expect(close('2')).rejects.toThrow('number 2 is not missing: its order has been taken up to 2');
    await expect(close('3-4')).rejects.toThrow('number 4 was never published: its order has come to 3');
    expect(await row(id)).toMatchObject({ status: 'OPEN' });
    expect((await close('3')).gaveUp).toEqual({ fromSeq: 3, toSeq: 3 });
  });

  it('When it is said which numbers are lost, then those are given up', async () => {
    const [a, b] = [await parked({ seq: 5 }), await parked({ seq: 5 })];
    const close = (id: string, seq: string) =>
      resolveByHand(world.db, id, { by: 'minji', reason: 'lost', seq: seqRange(seq) });
    expect((await close(a.id, '3-5')).gaveUp).toEqual({ fromSeq: 3, toSeq: 5 });
    expect((await close(b.id, 'none')).gaveUp).toBeNull();
    for (const bad of ['0', '5-3', 'x', '1-', '-1', '9999999999'])
      expect(() => seqRange(bad)).toThrow(CommandError);
  });
});
