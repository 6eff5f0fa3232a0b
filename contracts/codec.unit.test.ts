import { Type } from 'avsc';
import fc from 'fast-check';
import { createDecoder, createEncoder, schemaIdOf, UndecodableError, type WriterSchemas } from './codec';
import type { EventRecords } from './generated-types';
import { avroOptions } from './logical-types';
import { readRecordSchemas, type AvroRecordSchema } from './records';
import type { RecordName } from './topics';

/** Largest and smallest amount of decimal(15,2), in won. */
const WON_MAX = 9_999_999_999_999n;
const SCHEMAS = readRecordSchemas();
const IDS = new Map(SCHEMAS.map(({ record }, index) => [record, 1_000_000 + index]));

const typeOf = (schema: unknown): Type => Type.forSchema(JSON.parse(JSON.stringify(schema)), avroOptions());
const schemaOf = (record: RecordName): AvroRecordSchema => {
  const found = SCHEMAS.find((schema) => schema.record === record);
  if (found === undefined) throw new Error(record);
  return structuredClone(found.schema);
};

/** Writers' schemas by id, counting how often each is asked for. */
function writers(more: [number, unknown][] = []) {
  const types = new Map<number, Type>(more.map(([id, schema]) => [id, typeOf(schema)]));
  for (const { record, schema } of SCHEMAS) types.set(IDS.get(record) ?? 0, typeOf(schema));
  const asked: number[] = [];
  const source: WriterSchemas = {
    async get(id) {
      asked.push(id);
      const type = types.get(id);
      if (type === undefined) throw new UndecodableError(`no schema ${id}`);
      return type;
    },
  };
  return { source, asked, decode: createDecoder(source) };
}

const encode = createEncoder(IDS);
const won = fc.bigInt({ min: -WON_MAX, max: WON_MAX });
const long = fc.integer({ min: 0, max: 2 ** 50 });
// Avro's milliseconds are 64-bit; a Date holds 8.64e15 of them.
const moment = fc.date({
  noInvalidDate: true,
  min: new Date('1900-01-01'),
  max: new Date('9999-12-31T23:59:59.999Z'),
});
const text = fc.string({ unit: 'binary', maxLength: 50 });

const EVENTS: { [R in RecordName]: fc.Arbitrary<EventRecords[R]> } = {
  'payment.PaymentConfirmed': fc.record({
    orderId: text,
    paymentKey: text,
    currency: text,
    totalAmount: won,
    approvedAt: moment,
    lines: fc.array(fc.record({ paymentOrderNo: long, sellerNo: long, productNo: long, amount: won })),
  }),
  'payment.PaymentCanceled': fc.record({
    orderId: text,
    paymentKey: text,
    currency: text,
    cancelId: text,
    cancelAmount: won,
    canceledAt: moment,
    lines: fc.array(fc.record({ paymentOrderNo: long, sellerNo: long, productNo: long, amount: won })),
  }),
  'wallet.PaymentSettled': fc.record({
    orderId: text,
    currency: text,
    settledAt: moment,
    entries: fc.array(
      fc.record({
        sellerNo: long,
        walletNo: long,
        paymentOrderNo: long,
        amount: won,
        walletSeq: long,
        lineHash: text,
      }),
    ),
  }),
  'wallet.CancellationSettled': fc.record({
    orderId: text,
    currency: text,
    cancelId: text,
    settledAt: moment,
    entries: fc.array(
      fc.record({
        sellerNo: long,
        walletNo: long,
        paymentOrderNo: long,
        amount: won,
        walletSeq: long,
        lineHash: text,
      }),
    ),
  }),
  'deadletter.DeadLettered': fc.record({
    deadLetterId: text,
    topic: text,
    partition: fc.integer({ min: 0, max: 1_000 }),
    offset: long,
    eventId: text,
    eventType: fc.option(text),
    key: fc.option(text),
    error: text,
    payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    payloadSize: fc.integer({ min: 0, max: 1_000_000 }),
    parkedAt: moment,
    cause: fc.string(),
  }),
};
const RECORDS = Object.keys(EVENTS) as RecordName[];

const confirmed: EventRecords['payment.PaymentConfirmed'] = {
  orderId: 'order-1',
  paymentKey: '결제 🧾',
  currency: 'KRW',
  totalAmount: 6000n,
  approvedAt: new Date('2026-11-22T03:00:00.123Z'),
  lines: [{ paymentOrderNo: 1, sellerNo: 2, productNo: 3, amount: 6000n }],
};

describe('encode and decode', () => {
  it.each(RECORDS)(
    'Every %s comes back as it left, whatever its amounts, texts and moments',
    async (record) => {
      const { decode } = writers();
      await fc.assert(
        fc.asyncProperty(EVENTS[record] as fc.Arbitrary<never>, async (value) => {
          expect(await decode(encode(record, value))).toEqual({ record, value });
        }),
      );
    },
  );

  it('When an event is encoded, then it is a Confluent frame: 0x00, the id in four bytes, Avro', () => {
    const frame = encode('payment.PaymentConfirmed', confirmed);
    const id = IDS.get('payment.PaymentConfirmed') ?? 0;
    expect(frame[0]).toBe(0);
    expect(frame.readUInt32BE(1)).toBe(id);
    expect(schemaIdOf(frame)).toBe(id);
    const avro = typeOf(schemaOf('payment.PaymentConfirmed')).fromBuffer(frame.subarray(5));
    expect(avro).toEqual(confirmed);
  });

  it('When a record has no published id, then encoding says what to do', () => {
    expect(() => createEncoder(new Map())('payment.PaymentConfirmed', confirmed)).toThrow(
      'no schema id for payment.PaymentConfirmed: run `npm run contracts -- publish`',
    );
  });

  it.each([
    ['a number for money', { totalAmount: 6000 }],
    ['money beyond decimal(15,2)', { totalAmount: WON_MAX + 1n }],
    ['money below it', { totalAmount: -WON_MAX - 1n }],
    ['a text for a moment', { approvedAt: '2026-11-22' }],
    ['no moment', { approvedAt: new Date(Number.NaN) }],
    ['nothing for a text', { orderId: undefined }],
    ['a fraction for a number', { lines: [{ ...confirmed.lines[0], sellerNo: 1.5 }] }],
    ['a number beyond what it can hold exactly', { lines: [{ ...confirmed.lines[0], sellerNo: 2 ** 60 }] }],
  ])('When an event holds %s, then it is not encoded', (_what, over) => {
    expect(() => encode('payment.PaymentConfirmed', { ...confirmed, ...over } as never)).toThrow();
  });
});

describe('money on the wire', () => {
  it('When money is a number, then that is what is said', () => {
    const event = { ...confirmed, totalAmount: 6000 as unknown as bigint };
    expect(() => encode('payment.PaymentConfirmed', event)).toThrow(
      'money is a bigint of whole won, not number',
    );
  });

  const decimal = typeOf({ type: 'bytes', logicalType: 'decimal', precision: 15, scale: 2 });
  const bytesOf = (amount: bigint): Buffer => decimal.toBuffer(amount).subarray(1);

  it.each([
    [0n, '00'],
    [1n, '64'],
    [-1n, '9c'],
    [2n, '00c8'],
    [-2n, 'ff38'],
    [6000n, '0927c0'],
    [-6000n, 'f6d840'],
    [WON_MAX, '038d7ea4c67f9c'],
    [-WON_MAX, 'fc72815b398064'],
  ])('%s won is 0x%s: hundredths, two’s complement, big-endian, as short as can be', (amount, hex) => {
    expect(bytesOf(amount).toString('hex')).toBe(hex);
  });

  it('Every amount takes the fewest bytes that hold its sign, as the specification demands', () => {
    fc.assert(
      fc.property(won, (amount) => {
        const bytes = bytesOf(amount);
        const unscaled = amount * 100n;
        expect(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))).toBe(unscaled);
        const fitsShorter = bytes.length > 1 && BigInt.asIntN((bytes.length - 1) * 8, unscaled) === unscaled;
        expect(fitsShorter).toBe(false);
      }),
    );
  });

  it.each([
    ['a fraction of a won', '01', /a fraction of a won: 1 hundredths/],
    ['a negative fraction', 'ff', /a fraction of a won/],
    ['no bytes', '', /without bytes/],
    ['more digits than decimal(15,2)', '038d7ea4c68000', /out of range/],
    ['a hundred bytes', `01${'00'.repeat(98)}64`, /out of range|fraction/],
  ])('When the wire says %s, then it is not money', (_what, hex, message) => {
    const bytes = Buffer.from(hex, 'hex');
    const length = typeOf('long').toBuffer(bytes.length);
    expect(() => decimal.fromBuffer(Buffer.concat([length, bytes]))).toThrow(message);
  });

  it('When a decimal has another scale, then the contract is refused', () => {
    expect(() => typeOf({ type: 'bytes', logicalType: 'decimal', precision: 15, scale: 3 })).toThrow(
      /amounts have scale 2/,
    );
  });
});

describe('what cannot be decoded', () => {
  const good = encode('payment.PaymentConfirmed', confirmed);

  it.each([
    ['a tombstone', null, /tombstone/],
    ['nothing', Buffer.alloc(0), /0 bytes/],
    ['four bytes', Buffer.alloc(4), /4 bytes/],
    ['JSON', Buffer.from('{"orderId":1}'), /first byte 0x7b/],
    ['an unknown id', Buffer.from([0, 0, 0, 0, 9, 1, 2, 3]), /no schema 9/],
    ['a frame cut off', good.subarray(0, good.length - 3), /not a payment\.PaymentConfirmed/],
    [
      'a frame with bytes behind it',
      Buffer.concat([good, Buffer.from([0])]),
      /not a payment\.PaymentConfirmed/,
    ],
    ['only a head', good.subarray(0, 5), /not a payment\.PaymentConfirmed/],
  ])('When the value is %s, then it is an UndecodableError', async (_what, frame, message) => {
    const error: unknown = await writers()
      .decode(frame)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UndecodableError);
    expect((error as Error).message).toMatch(message);
  });

  it('Whatever the bytes are, they are decoded or an UndecodableError, and soon', async () => {
    const { decode } = writers();
    const heads = [...IDS.values()].map((id) => {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(id, 1);
      return head;
    });
    const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    const anything = fc.oneof(
      body,
      fc.tuple(fc.constantFrom(...heads), body).map((parts) => Buffer.concat(parts)),
      // A good frame with some bytes replaced.
      fc
        .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
        .map((changes) => {
          const frame = Buffer.from(good);
          for (const [at, byte] of changes) frame[at] = byte;
          return frame;
        }),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (frame) => {
        const error: unknown = await decode(frame).then(
          () => undefined,
          (e: unknown) => e,
        );
        expect(error === undefined || error instanceof UndecodableError).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('When the array claims to be huge, then it is refused instead of filling memory', async () => {
    const head = good.subarray(0, 5);
    const start = Buffer.concat([
      head,
      Buffer.from([2, 0x61, 2, 0x62, 2, 0x63, 2, 0x64]),
      Buffer.from([0]),
      Buffer.from('feffffffff7f', 'hex'),
    ]);
    await expect(writers().decode(start)).rejects.toThrow(UndecodableError);
  });

  it('When another record than ours comes, then it is undecodable, also under an id the registry knows', async () => {
    const foreign = {
      type: 'record',
      name: 'Ordered',
      namespace: 'shop',
      fields: [{ name: 'a', type: 'long' }],
    };
    const { decode } = writers([[7, foreign]]);
    await expect(decode(Buffer.from([0, 0, 0, 0, 7, 2]))).rejects.toThrow(
      new UndecodableError('unknown record shop.Ordered'),
    );
  });

  it.each(['string', 'long', ['null', 'long'], { type: 'enum', name: 'E', symbols: ['A'] }])(
    'When the writer’s schema is no record (%p), then it is undecodable',
    async (schema) => {
      const { decode } = writers([[7, schema]]);
      await expect(decode(Buffer.from([0, 0, 0, 0, 7, 2]))).rejects.toThrow(UndecodableError);
    },
  );
});

describe('versions', () => {
  const record = 'payment.PaymentConfirmed';
  const frameOf = (id: number, schema: AvroRecordSchema, value: unknown): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(id, 1);
    return Buffer.concat([head, typeOf(schema).toBuffer(value)]);
  };

  it('When a newer writer adds a field with a default, then today’s reader decodes without it', async () => {
    const newer = schemaOf(record);
    newer.fields.splice(1, 0, { name: 'channel', type: 'string', default: 'web' });
    const { decode } = writers([[70, newer]]);
    expect(await decode(frameOf(70, newer, { ...confirmed, channel: 'app' }))).toEqual({
      record,
      value: confirmed,
    });
  });

  it('When a writer’s fields stand in another order, then each is found by its name', async () => {
    const reordered = schemaOf(record);
    reordered.fields.reverse();
    const { decode } = writers([[71, reordered]]);
    expect(await decode(frameOf(71, reordered, confirmed))).toEqual({ record, value: confirmed });
  });

  it('When a writer left out what the reader needs, then it is undecodable, not half-read', async () => {
    const older = schemaOf(record);
    older.fields = older.fields.filter(({ name }) => name !== 'currency');
    const { decode } = writers([[72, older]]);
    await expect(decode(frameOf(72, older, confirmed))).rejects.toThrow(/schema 72 cannot be read as/);
    await expect(decode(frameOf(72, older, confirmed))).rejects.toThrow(UndecodableError);
  });

  it('When a writer’s money is plain bytes, then it is read as money, a fraction refused', async () => {
    const plain = schemaOf(record);
    plain.fields = plain.fields.map((field) =>
      field.name === 'totalAmount' ? { ...field, type: 'bytes' } : field,
    );
    const { decode } = writers([[73, plain]]);
    const write = (hex: string) => frameOf(73, plain, { ...confirmed, totalAmount: Buffer.from(hex, 'hex') });
    expect(await decode(write('0927c0'))).toEqual({ record, value: confirmed });
    await expect(decode(write('01'))).rejects.toThrow(UndecodableError);
  });

  it('When many events of one id are decoded, then the registry is asked once', async () => {
    const { decode, asked } = writers();
    const frame = encode(record, confirmed);
    await decode(frame);
    await Promise.all(Array.from({ length: 20 }, () => decode(frame)));
    expect(asked).toEqual([IDS.get(record)]);
  });

  it('When a thousand events are decoded, then no resolver is built anew', async () => {
    const { source } = writers();
    const built = jest.spyOn(Type.prototype, 'createResolver');
    const decode = createDecoder(source);
    const frame = encode(record, confirmed);
    await decode(frame);
    const first = built.mock.calls.length;
    for (let i = 0; i < 1_000; i += 1) await decode(frame);
    expect(first).toBeGreaterThan(0);
    expect(built.mock.calls.length).toBe(first);
  });

  it('When a schema could not be had once, then the next event asks again', async () => {
    let calls = 0;
    const decode = createDecoder({
      async get() {
        calls += 1;
        if (calls === 1) throw new Error('registry down');
        return typeOf(schemaOf(record));
      },
    });
    const frame = encode(record, confirmed);
    await expect(decode(frame)).rejects.toThrow('registry down');
    expect((await decode(frame)).value).toEqual(confirmed);
  });
});
