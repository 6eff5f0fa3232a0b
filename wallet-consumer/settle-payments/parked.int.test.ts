import { randomUUID } from 'node:crypto';
import { HEADER } from '#contracts/topics';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import {
  NOW,
  testMessage,
  decode,
  line,
  confirmed,
  canceled,
  confirmedMessage,
  canceledMessage,
  eventIdOf,
  useSettlements,
} from './settlement.fixture';

const { database, consumer, seller, redriving, balance, linesOf, departuresOf, lettersOf } = useSettlements();

describe('parking', () => {
  const poison: Record<string, (a: number) => { message: ConsumedMessage; error: RegExp }> = {
    'is not Avro': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)]), { value: Buffer.from('hello, world') }),
      error: /not an Avro frame/,
    }),
    'is a tombstone': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)]), { value: null }),
      error: /no value/,
    }),
    'has an unknown schema id': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)]), { value: Buffer.from('00000003e800', 'hex') }),
      error: /no schema 1000/,
    }),
    'ends in the middle': (a) => {
      const message = confirmedMessage(confirmed([line(a, 1n)]));
      return {
        message: { ...message, value: message.value?.subarray(0, -3) ?? null },
        error: /not a payment/,
      };
    },
    'has lines that do not sum to the total': (a) => ({
      message: confirmedMessage(confirmed([line(a, 1n)], { totalAmount: 2n })),
      error: /sum to 1, the event says 2/,
    }),
    'has a line of zero': (a) => ({
      message: confirmedMessage(confirmed([line(a, 0n), line(a, 5n)])),
      error: /amount 0/,
    }),
    'has a negative line': (a) => ({
      message: confirmedMessage(confirmed([line(a, -5n), line(a, 10n)])),
      error: /amount -5/,
    }),
    'names a seller that does not exist': () => ({
      message: confirmedMessage(confirmed([line(987_654_321, 5n)])),
      error: /no seller 987654321/,
    }),
    'is in another currency': (a) => ({
      message: confirmedMessage(confirmed([line(a, 5n)], { currency: 'USD' })),
      error: /USD/,
    }),
    'has an amount that no wallet can hold twice': (a) => ({
      message: confirmedMessage(confirmed([line(a, 9_999_999_999_999n)])),
      error: /balance of seller/,
    }),
    'has lost its event id': (a) => {
      const message = confirmedMessage(confirmed([line(a, 5n)]));
      const { [HEADER.eventId]: _id, ...headers } = message.headers;
      return { message: { ...message, headers }, error: /no usable header id/ };
    },
    'says another type in its header': (a) => {
      const message = confirmedMessage(confirmed([line(a, 5n)]));
      message.headers[HEADER.eventType] = 'payment.PaymentRefunded';
      return { message, error: /PaymentRefunded/ };
    },
    'has no place in the sequence': (a) => {
      const message = confirmedMessage(confirmed([line(a, 5n)]));
      message.headers[HEADER.aggregateSeq] = '0';
      return { message, error: /aggregateSeq/ };
    },
    'is of a type that nobody settles': () => {
      const orderId = randomUUID();
      const value = { orderId, currency: 'KRW', settledAt: NOW, entries: [] };
      const message = testMessage('wallet.PaymentSettled', value, { eventId: randomUUID(), seq: 1 });
      return { message, error: /unknown event type wallet.PaymentSettled/ };
    },
  };

  it.each(Object.entries(poison))(
    'When an event %s, then it alone is parked, whole',
    async (_title, make) => {
      const a = await seller();
      const { message, error } = make(a);
      const [before, behind] = [confirmed([line(a, 1_000n)]), confirmed([line(a, 2_000n)])];
      const handle = consumer();
      await handle([confirmedMessage(before), message, confirmedMessage(behind)]);
      await handle([message]);

      expect(await balance(a)).toBe('3000.00');
      const orderId = message.key?.toString() ?? '';
      const eventId = eventIdOf(message) || `payment:0:${message.offset}`;
      const [letter, ...more] = await lettersOf(orderId);
      expect(more).toEqual([]);
      expect(letter).toMatchObject({
        consumer: 'wallet-service',
        topic: 'payment',
        partition: 0,
        offset: message.offset,
        eventId,
        status: 'OPEN',
        headers: Object.entries(message.headers),
        error: expect.stringMatching(error) as unknown,
      });
      expect(letter?.payload && Buffer.from(letter.payload)).toEqual(message.value);
      const [departure] = await departuresOf(orderId);
      expect(departure).toMatchObject({ aggregateType: 'payment_wallet_dlq', aggregateSeq: null });
      const told = await decode(Buffer.from(departure?.payload ?? []));
      expect(told.value).toMatchObject({
        deadLetterId: letter?.id,
        eventId,
        payloadSize: message.value?.length ?? 0,
      });
      const known = await database().inbox.findUnique({
        where: { consumer_eventId: { consumer: 'wallet-service', eventId } },
      });
      expect(known).not.toBeNull();
      expect(await linesOf(orderId)).toEqual([]);
    },
  );

  it('When a message is large, then the table keeps all of it and the topic its first 64 KiB', async () => {
    const orderId = randomUUID();
    const value = Buffer.alloc(900_000, 0x41);
    const message = confirmedMessage(confirmed([], { orderId }), { value });
    await consumer()([message]);
    const [letter] = await lettersOf(orderId);
    expect(letter?.payload?.length).toBe(900_000);
    const [departure] = await departuresOf(orderId);
    const told = await decode(Buffer.from(departure?.payload ?? []));
    expect(
      told.record === 'deadletter.DeadLettered' && [told.value.payload.length, told.value.payloadSize],
    ).toEqual([65_536, 900_000]);
  });

  it('When key and headers hold anything at all, then the message is parked nonetheless', async () => {
    const message = confirmedMessage(confirmed([]), {
      key: Buffer.alloc(5_000, 0xff),
      value: Buffer.alloc(0),
      headers: { id: "x' OR 1=1 --", eventType: '결'.repeat(500), aggregateSeq: '-1', traceparent: 'no' },
    });
    await consumer()([message]);
    const letter = await database().deadLetter.findFirst({ where: { offset: message.offset } });
    expect(letter).toMatchObject({ eventId: `payment:0:${message.offset}`, aggregateId: null });
  });

  it('When an event is parked, then its order’s later events wait, other orders do not', async () => {
    const a = await seller();
    const bad = confirmed([line(a, 1_000n)], { totalAmount: 5n });
    const other = confirmed([line(a, 7n)]);
    const handle = consumer();
    await handle([confirmedMessage(bad), canceledMessage(canceled(bad, bad.lines), 2)]);
    await handle([confirmedMessage(other), canceledMessage(canceled(bad, bad.lines), 3)]);
    expect(await balance(a)).toBe('7.00');
    const letters = await lettersOf(bad.orderId);
    expect(letters.map(({ eventSeq, error }) => [eventSeq, /behind/.test(error)])).toEqual([
      [1, false],
      [2, true],
      [3, true],
    ]);
  });

  it('When an event of an order is missing, then the next one is held until it is redriven', async () => {
    const a = await seller();
    const value = confirmed([line(a, 1_000n)]);
    const handle = consumer();
    const cancel = canceled(value, value.lines);
    await handle([canceledMessage(cancel, 2)]);
    const [letter] = await lettersOf(value.orderId);
    expect(letter?.error).toMatch(/^sequence 2 arrived, but 1 is missing/);
    expect(await handle.registry.getSingleMetricAsString('wallet_sequence_gaps_total')).toMatch(/ 1$/);

    await handle([confirmedMessage(value)]);
    expect(await balance(a)).toBe('1000.00');
    expect(await handle.registry.getSingleMetricAsString('wallet_reordered_events_total')).toMatch(/ 1$/);
    await redriving(letter?.id);
    await handle([canceledMessage(cancel, 2, letter?.id)]);
    expect(await balance(a)).toBe('0.00');
    expect((await lettersOf(value.orderId)).map(({ status }) => status)).toEqual(['RESOLVED']);
  });
});
