import { createHash } from 'node:crypto';
import { openTestDatabase, type TestDatabase } from '#prisma/database.fixture';
import { audit, auditText } from './audit';
import { AUDIT_CHECKS } from './audit.checks';
import { timelineText, traceOrder, traceText } from './trace';

// A small market that holds, row by row; then each invariant is broken by an administrator's hand, and seen.

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('ops');
  // Whoever tampers with the ledger as an administrator can remove its triggers, too.
  await run('DROP TRIGGER wallet_transactions_no_update');
  await run('DROP TRIGGER wallet_transactions_no_delete');
});
afterAll(() => database.close());

const run = (sql: string, values: unknown[] = []) => database.administer(sql, values);

interface Order {
  no: number;
  orderId: string;
  status: string;
  events: number;
  lines: [no: number, sellerNo: number, amount: number, status: string][];
}

const ORDERS: Order[] = [
  {
    no: 1,
    orderId: 'order-paid',
    status: 'SUCCESS',
    events: 1,
    lines: [
      [1, 1, 1000, 'SUCCESS'],
      [2, 2, 1500, 'SUCCESS'],
    ],
  },
  {
    no: 2,
    orderId: 'order-partly',
    status: 'PARTIAL_CANCELED',
    events: 2,
    lines: [
      [3, 1, 2000, 'SUCCESS'],
      [4, 1, 3000, 'CANCELED'],
    ],
  },
  { no: 3, orderId: 'order-open', status: 'NOT_STARTED', events: 0, lines: [[5, 3, 500, 'NOT_STARTED']] },
  { no: 4, orderId: 'order-refused', status: 'FAILURE', events: 0, lines: [[6, 1, 1000, 'FAILURE']] },
  { no: 5, orderId: 'order-canceled', status: 'CANCELED', events: 2, lines: [[7, 2, 2500, 'CANCELED']] },
];

type Line = [
  walletNo: number,
  type: 'CREDIT' | 'DEBIT',
  amount: number,
  paymentOrderNo: number,
  orderId: string,
];
const LEDGER: Line[] = [
  [1, 'CREDIT', 1000, 1, 'order-paid'],
  [2, 'CREDIT', 1500, 2, 'order-paid'],
  [1, 'CREDIT', 2000, 3, 'order-partly'],
  [1, 'CREDIT', 3000, 4, 'order-partly'],
  [2, 'CREDIT', 2500, 7, 'order-canceled'],
  [1, 'DEBIT', 3000, 4, 'order-partly'],
  [2, 'DEBIT', 2500, 7, 'order-canceled'],
];

const TABLES = [
  'payment_cancel_lines',
  'payment_cancels',
  'payment_events',
  'payment_orders',
  'payment_order_histories',
  'wallet_transactions',
  'settlements',
  'outbox',
  'inbox',
  'dead_letters',
];

const MOMENT = '2026-11-22 03:00:00.123';

/** Writes ledger lines with their chain, and the wallets' heads. */
async function writeLedger(lines: readonly Line[]): Promise<void> {
  const heads = new Map([1, 2].map((no) => [no, { seq: 0, balance: 0, hash: '' }]));
  await run('DELETE FROM wallet_transactions');
  for (const [index, [walletNo, type, amount, reference, orderId]] of lines.entries()) {
    const head = heads.get(walletNo) ?? { seq: 0, balance: 0, hash: '' };
    const seq = head.seq + 1;
    const balance = head.balance + (type === 'CREDIT' ? amount : -amount);
    const key = `${type}:${index}:${reference}`;
    const columns = [
      walletNo,
      seq,
      type,
      `${amount}.00`,
      `${balance}.00`,
      'PAYMENT_ORDER',
      reference,
      orderId,
      'event',
      key,
      MOMENT,
    ];
    const hash = createHash('sha256')
      .update([head.hash, ...columns].join('|'))
      .digest('hex');
    await run(
      `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_type,
         reference_id, order_id, event_id, idempotency_key, created_at, line_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [...columns, hash],
    );
    heads.set(walletNo, { seq, balance, hash });
  }
  for (const [no, { seq, balance, hash }] of heads) {
    await run('UPDATE wallets SET balance = ?, last_seq = ?, last_hash = ? WHERE no = ?', [
      balance,
      seq,
      hash,
      no,
    ]);
  }
}

async function writeCancel(no: number, orderId: string, total: number, lines: Order['lines']): Promise<void> {
  const canceled = lines.filter(([, , , lineStatus]) => lineStatus === 'CANCELED');
  if (canceled.length === 0) return;
  const givenBack = canceled.reduce((sum, [, , amount]) => sum + amount, 0);
  await run(
    `INSERT INTO payment_cancels (no, id, payment_event_no, order_id, status, cancel_amount, refundable_amount,
       cancel_reason, transaction_key, canceled_at, event_seq)
     VALUES (?, ?, ?, ?, 'SUCCESS', ?, ?, 'x', ?, ?, 2)`,
    [no, `cancel-${no}`, no, orderId, givenBack, total, `transaction-${no}`, MOMENT],
  );
  for (const [lineNo] of canceled) {
    await run('INSERT INTO payment_cancel_lines (payment_cancel_no, payment_order_no) VALUES (?, ?)', [
      no,
      lineNo,
    ]);
  }
}

async function writeOrder({ no, orderId, status, events, lines }: Order): Promise<void> {
  const total = lines.reduce((sum, [, , amount]) => sum + amount, 0);
  const paid = events > 0;
  await run(
    `INSERT INTO payment_events (no, member_no, order_id, order_name, total_amount, status, is_payment_done,
       is_wallet_done, payment_key, approved_at, last_event_seq, acknowledged_events, created_at, updated_at)
     VALUES (?, 1, ?, 'x', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      no,
      orderId,
      total,
      status,
      paid,
      paid,
      paid ? `key-${no}` : null,
      paid ? MOMENT : null,
      events,
      events,
      MOMENT,
      MOMENT,
    ],
  );
  for (const [lineNo, sellerNo, amount, lineStatus] of lines) {
    await run(
      `INSERT INTO payment_orders (no, payment_event_no, product_no, seller_no, order_id, amount, payment_order_status)
       VALUES (?, ?, 1, ?, ?, ?, ?)`,
      [lineNo, no, sellerNo, orderId, amount, lineStatus],
    );
  }
  await writeCancel(no, orderId, total, lines);
  for (let seq = 1; seq <= events; seq += 1) {
    for (const [topic, consumer] of [
      ['payment', 'wallet-service'],
      ['wallet', 'payment-service'],
    ]) {
      const id = `${topic}-${no}-${seq}`;
      await run(
        `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
           payload, created_at) VALUES (?, ?, ?, ?, ?, 'x.Y', ?, X'0000000007', ?)`,
        [id, topic, orderId, seq, seq, id, MOMENT],
      );
      await run(
        `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash,
           published_at, processed_at) VALUES (?, ?, ?, 4, 99, ?, ?, '', ?, ?)`,
        [consumer, id, topic, orderId, seq, MOMENT, MOMENT],
      );
    }
  }
  if (paid)
    await run('INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES (?, ?, ?)', [
      orderId,
      events,
      events,
    ]);
}

beforeEach(async () => {
  await run('SET FOREIGN_KEY_CHECKS = 0');
  for (const table of TABLES) await run(`DELETE FROM ${table}`);
  await run('SET FOREIGN_KEY_CHECKS = 1');
  await run('DELETE FROM wallets WHERE no > 2');
  for (const order of ORDERS) await writeOrder(order);
  await writeLedger(LEDGER);
});

async function broken(): Promise<string[]> {
  const report = await audit(database.db);
  const names = report.findings.filter(({ holds }) => !holds).map(({ check }) => check);
  expect(report.holds).toBe(names.length === 0);
  return names;
}

describe('the audit', () => {
  it('When all is well, then every invariant holds, and the counts are right', async () => {
    const report = await audit(database.db);
    expect(report.findings.flatMap(({ rows }) => rows)).toEqual([]);
    expect(report).toMatchObject({
      holds: true,
      counts: { payments: 5, paid: 3, inFlight: 0, ledgerLines: 7, parked: 0 },
    });
    expect(report.findings.map(({ check }) => check)).toEqual(AUDIT_CHECKS.map(({ name }) => name));
    expect(auditText(report)).toMatch(
      /5 payments, 3 paid, 0 in flight, 7 ledger lines, 0 parked messages\naudit holds$/,
    );
  });

  const sql =
    (...statements: string[]) =>
    async () => {
      for (const statement of statements) await run(statement);
    };
  const ledger = (change: (lines: Line[]) => Line[]) => () => writeLedger(change([...LEDGER]));
  const without = (index: number) => ledger((lines) => lines.filter((_line, at) => at !== index));

  const CASES: [what: string, broken: string[], breakIt: () => Promise<void>][] = [
    [
      'less was given back than the canceled lines',
      ['canceled-is-given-back'],
      sql('UPDATE payment_cancels SET cancel_amount = 2999 WHERE no = 2'),
    ],
    [
      'a canceled line belongs to no cancel',
      ['canceled-is-given-back'],
      sql('DELETE FROM payment_cancel_lines WHERE payment_cancel_no = 5'),
    ],
    [
      'a part that the back office gave back has no lines yet',
      ['cancels-are-allocated'],
      sql(
        `INSERT INTO payment_cancels (id, payment_event_no, order_id, status, cancel_amount, refundable_amount,
           cancel_reason) VALUES ('loose', 1, 'order-paid', 'UNALLOCATED', 100, 2500, 'x')`,
      ),
    ],
    ['a line was never credited', ['paid-is-credited-once'], without(0)],
    [
      'a line was credited twice',
      ['paid-is-credited-once'],
      ledger((lines) => [...lines, LEDGER[0] as Line]),
    ],
    [
      'a line was credited with another amount',
      ['paid-is-credited-once'],
      ledger(([, ...rest]) => [[1, 'CREDIT', 999, 1, 'order-paid'], ...rest]),
    ],
    [
      'a line was credited to another seller',
      ['paid-is-credited-once'],
      ledger(([, ...rest]) => [[2, 'CREDIT', 1000, 1, 'order-paid'], ...rest]),
    ],
    [
      'a line was credited under another order',
      ['paid-is-credited-once'],
      ledger(([, ...rest]) => [[1, 'CREDIT', 1000, 1, 'order-partly'], ...rest]),
    ],
    [
      'a refused payment was credited',
      ['credited-is-paid'],
      ledger((lines) => [...lines, [1, 'CREDIT', 1000, 6, 'order-refused']]),
    ],
    [
      'a line that does not exist was credited',
      ['credited-is-paid'],
      ledger((lines) => [...lines, [1, 'CREDIT', 1, 999, 'x']]),
    ],
    [
      'a paid line was debited',
      ['debited-is-canceled'],
      ledger((lines) => [...lines, [1, 'DEBIT', 1000, 1, 'order-paid']]),
    ],
    [
      'a line was debited that was never credited',
      ['debited-is-canceled', 'paid-is-credited-once'],
      without(4),
    ],
    ['a canceled line was never debited', ['canceled-is-debited'], without(6)],
    [
      'a canceled line was debited twice',
      ['canceled-is-debited'],
      ledger((lines) => [...lines, LEDGER[6] as Line]),
    ],
    [
      'a canceled line was debited with another amount',
      ['canceled-is-debited', 'debited-is-canceled'],
      ledger((lines) => lines.with(6, [2, 'DEBIT', 2400, 7, 'order-canceled'])),
    ],
    [
      'a canceled line was debited to another seller',
      ['canceled-is-debited', 'debited-is-canceled'],
      ledger((lines) => lines.with(6, [1, 'DEBIT', 2500, 7, 'order-canceled'])),
    ],
    [
      'a balance was changed',
      ['balance-is-ledger'],
      sql('UPDATE wallets SET balance = balance + 1 WHERE no = 1'),
    ],
    [
      'a wallet without a line has money',
      ['balance-is-ledger'],
      sql('INSERT INTO wallets (no, seller_no, balance) VALUES (3, 3, 1)'),
    ],
    [
      'a wallet’s head is ahead of its ledger',
      ['balance-is-ledger', 'head-is-last-line'],
      sql('UPDATE wallets SET last_seq = last_seq + 1 WHERE no = 2'),
    ],
    [
      'a line was changed together with its balances',
      ['chain-is-unbroken', 'paid-is-credited-once'],
      sql(
        'UPDATE wallet_transactions SET amount = amount + 7 WHERE reference_id = 1',
        'UPDATE wallet_transactions SET balance_after = balance_after + 7 WHERE wallet_no = 1',
        'UPDATE wallets SET balance = balance + 7 WHERE no = 1',
      ),
    ],
    [
      'a line says another event than it was written with',
      ['chain-is-unbroken'],
      sql("UPDATE wallet_transactions SET event_id = 'another' WHERE reference_id = 1"),
    ],
    [
      'a running balance is wrong',
      ['chain-is-unbroken'],
      sql('UPDATE wallet_transactions SET balance_after = balance_after + 1 WHERE reference_id = 2'),
    ],
    [
      'a head has another hash',
      ['head-is-last-line'],
      sql("UPDATE wallets SET last_hash = REPEAT('f', 64) WHERE no = 1"),
    ],
    [
      'a number is missing in a chain',
      ['balance-is-ledger', 'chain-is-unbroken', 'head-is-last-line'],
      sql('UPDATE wallet_transactions SET wallet_seq = 9 WHERE wallet_no = 2 AND wallet_seq = 3'),
    ],
    [
      'a total differs from its lines',
      ['total-is-lines'],
      sql('UPDATE payment_events SET total_amount = 1 WHERE no = 3'),
    ],
    [
      'a payment has no lines',
      ['total-is-lines'],
      sql(
        "INSERT INTO payment_events (member_no, order_id, order_name, total_amount) VALUES (1, 'empty', 'x', 1)",
      ),
    ],
    [
      'a paid payment is not done',
      ['flags-agree', 'paid-has-events'],
      sql('UPDATE payment_events SET is_payment_done = FALSE WHERE no = 1'),
    ],
    [
      'a wallet flag is too early',
      ['flags-agree'],
      sql('UPDATE payment_events SET is_wallet_done = TRUE WHERE no = 3'),
    ],
    [
      'an approval has no moment',
      ['flags-agree'],
      sql('UPDATE payment_events SET approved_at = NULL WHERE no = 1'),
    ],
    [
      'an approval has no key',
      ['flags-agree'],
      sql('UPDATE payment_events SET payment_key = NULL WHERE no = 1'),
    ],
    [
      'a line’s status differs from its payment’s',
      ['flags-agree'],
      sql("UPDATE payment_orders SET payment_order_status = 'UNKNOWN' WHERE no = 2"),
    ],
    [
      'a partial cancellation has no line left',
      ['flags-agree', 'canceled-is-debited', 'canceled-is-given-back'],
      sql("UPDATE payment_orders SET payment_order_status = 'CANCELED' WHERE no = 3"),
    ],
    [
      'a paid payment’s event does not exist',
      ['paid-has-events'],
      sql("DELETE FROM outbox WHERE id = 'payment-1-1'", "DELETE FROM inbox WHERE event_id = 'payment-1-1'"),
    ],
    [
      'an event was published that was never counted',
      ['paid-has-events'],
      sql(
        `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, payload)
         VALUES ('extra', 'payment', 'order-paid', 2, 2, 'x.Y', 'extra', X'0000000007')`,
      ),
    ],
    [
      'an event was never settled',
      ['nothing-unpublished'],
      sql("DELETE FROM inbox WHERE event_id = 'payment-1-1'"),
    ],
    [
      'an answer was never acknowledged',
      ['nothing-unpublished'],
      sql("DELETE FROM inbox WHERE event_id = 'wallet-2-2'"),
    ],
    [
      'a paid order waits for its settlement',
      ['nothing-unsettled'],
      sql(
        `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = 0, updated_at = '${MOMENT}' WHERE no = 1`,
      ),
    ],
    [
      'an acknowledgement was never settled',
      ['settled-was-acknowledged'],
      sql("UPDATE settlements SET last_seq_out = 1 WHERE order_id = 'order-partly'"),
    ],
    [
      'more was settled than published',
      ['settled-was-acknowledged'],
      sql("UPDATE settlements SET last_seq_in = 9 WHERE order_id = 'order-paid'"),
    ],
  ];

  it.each(CASES)('When %s, then %p', async (_what, expected, breakIt) => {
    expect(await broken()).toEqual([]);
    await breakIt();
    expect((await broken()).sort()).toEqual([...expected].sort());
  });

  it('Every check is seen to fail above', () => {
    const seen = new Set(CASES.flatMap(([, names]) => names));
    expect([...seen].sort()).toEqual(AUDIT_CHECKS.map(({ name }) => name).sort());
  });

  it('When an event is young, then it may still be on its way', async () => {
    await run("DELETE FROM inbox WHERE event_id = 'payment-1-1'");
    await run("UPDATE outbox SET created_at = NOW(3) WHERE id = 'payment-1-1'");
    expect(await broken()).toEqual([]);
    expect(
      (await audit(database.db, -1)).findings.filter(({ holds }) => !holds).map(({ check }) => check),
    ).toEqual(['nothing-unpublished']);
  });

  it('When a settled event was purged from the outbox, then it still counts', async () => {
    await run('DELETE FROM outbox');
    expect(await broken()).toEqual([]);
  });

  it('When somebody’s junk with a made-up number was parked, then no event is missed for it', async () => {
    await run(
      `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash, applied)
       VALUES ('wallet-service', 'junk', 'payment', 1, 1, 'order-paid', 7, '', FALSE)`,
    );
    await run(
      `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, event_seq, headers, error)
       VALUES ('d', 'wallet-service', 'payment', 1, 1, 'junk', 'order-paid', 7, '{}', 'x')`,
    );
    expect(await broken()).toEqual([]);
  });

  it('When an order waits behind a parked message, then it is a finding that names the message', async () => {
    await run(
      `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = 0, updated_at = '${MOMENT}' WHERE no = 1`,
    );
    await run(
      `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, headers, error)
       VALUES ('d', 'payment-service', 'wallet', 1, 1, 'e', 'order-paid', '{}', 'x')`,
    );
    const report = await audit(database.db);
    expect(report.findings.filter(({ holds }) => !holds)).toMatchObject([
      { check: 'nothing-unsettled', rows: [{ order_id: 'order-paid', dead_letter: 'd' }] },
    ]);
    expect(report.counts).toMatchObject({ parked: 1, inFlight: 1 });
  });

  it('When a seller’s balance is below zero, then it is told apart and is no finding of its own', async () => {
    expect((await audit(database.db)).negativeBalances).toEqual({ sellers: 0, owed: '0', rows: [] });
    // The chain is sound; what is broken is only that no cancel stands behind the money that went before.
    await writeLedger([...LEDGER, [2, 'DEBIT', 2200, 2, 'order-paid']]);
    expect(await broken()).toEqual(['debited-is-canceled', 'canceled-is-debited']);
    const report = await audit(database.db);
    expect(report.negativeBalances).toEqual({
      sellers: 1,
      owed: '700',
      rows: [{ sellerNo: '2', balance: '-700' }],
    });
    expect(auditText(report)).toMatch(
      /^note {4}below zero +1 sellers owe 700 won after refunds\n {10}seller_no=2 balance=-700$/m,
    );
  });

  it('When an invariant is broken, then the text names it and shows the row', async () => {
    await run('UPDATE wallets SET balance = balance + 1 WHERE no = 1');
    const text = auditText(await audit(database.db));
    expect(text).toMatch(/^BROKEN {2}balance-is-ledger .*\n {10}wallet_no=1 seller_no=1 balance=3001 /m);
    expect(text).toMatch(/AUDIT FAILED$/);
  });

  it('When hundreds of rows break it, then twenty are shown', async () => {
    for (let i = 0; i < 25; i += 1) {
      await run(
        `INSERT INTO payment_events (member_no, order_id, order_name, total_amount) VALUES (1, 'e${i}', 'x', 1)`,
      );
    }
    const report = await audit(database.db);
    expect(report.findings.find(({ check }) => check === 'total-is-lines')?.rows).toHaveLength(20);
  });
});

describe('trace', () => {
  it('When the order does not exist, then that is said', async () => {
    await expect(traceOrder(database.db, 'nowhere')).rejects.toThrow('there is no order nowhere');
  });

  it('When an order was settled, then its way is told from checkout to acknowledgement', async () => {
    const trace = await traceOrder(database.db, 'order-partly');
    expect(trace.payment).toMatchObject({
      orderId: 'order-partly',
      status: 'PARTIAL_CANCELED',
      amount: '5000',
      isWalletDone: true,
    });
    expect(
      trace.events.map(({ eventId, topic, seq, schemaId, consumed }) => [
        eventId,
        topic,
        seq,
        schemaId,
        consumed?.offset,
      ]),
    ).toEqual([
      ['payment-2-1', 'payment', 1, 7, 99n],
      ['wallet-2-1', 'wallet', 1, 7, 99n],
      ['payment-2-2', 'payment', 2, 7, 99n],
      ['wallet-2-2', 'wallet', 2, 7, 99n],
    ]);
    expect(trace.ledger).toHaveLength(3);
    expect(timelineText(trace)).toMatch(/03:00:00\.123 .*order checked out/);
    expect(traceText(trace)).toMatch(/^order order-partly: x, 5000 won, PARTIAL_CANCELED\n/);
    expect(traceText(trace)).not.toMatch(/\nparked\n/);
  });

  it('When an event was not consumed yet, then the trace ends there', async () => {
    await run("DELETE FROM inbox WHERE event_id = 'payment-1-1'");
    const trace = await traceOrder(database.db, 'order-paid');
    expect(trace.events[0]).toMatchObject({ eventId: 'payment-1-1', consumed: null });
    expect(traceText(trace)).toMatch(/not consumed yet/);
  });
});
