import { audit, auditText } from './audit';
import { AUDIT_CHECKS } from './audit.checks';
import { LEDGER_CHECKS } from './audit.ledger';
import { decode, LEDGER, MOMENT, useMarket, writeLedger, type Line } from './market.fixture';

// A small market that holds, row by row; then each invariant is broken by an administrator's hand, and seen.

const { run, database } = useMarket();

const CHECKS = [
  ...AUDIT_CHECKS.map(({ name }) => name),
  ...Object.values(LEDGER_CHECKS).map(([name]) => name),
];

async function broken(): Promise<string[]> {
  const report = await audit(database(), { decode });
  const names = report.findings.filter(({ holds }) => !holds).map(({ check }) => check);
  expect(report.holds).toBe(names.length === 0);
  return names;
}

describe('the audit', () => {
  it('When all is well, then every invariant holds, and the counts are right', async () => {
    const report = await audit(database(), { decode });
    expect(report.findings.flatMap(({ rows }) => rows)).toEqual([]);
    expect(report).toMatchObject({
      holds: true,
      counts: { payments: 5, paid: 3, inFlight: 0, ledgerLines: 7, parked: 0 },
    });
    expect(report.findings.map(({ check }) => check)).toEqual(CHECKS);
    expect(report.ledger).toEqual({ isFull: true, verifiedLines: 7, unwitnessedLines: 0 });
    expect(auditText(report)).toMatch(
      /5 payments, 3 paid, 0 in flight, 7 ledger lines, 0 parked messages \(0 orders wait\)\nledger: 7 lines verified\ntopics: NOT READ \(not asked for\): judged from rows alone\naudit holds$/,
    );
  });

  const sql =
    (...statements: string[]) =>
    async () => {
      for (const statement of statements) await run(statement);
    };
  const ledger = (change: (lines: Line[]) => Line[]) => () => writeLedger(run, change([...LEDGER]));
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
    [
      'the PSP had less left before a cancel than is known here',
      ['psp-balance-is-ours'],
      sql('UPDATE payment_cancels SET refundable_amount = 4000 WHERE no = 2'),
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
      ['head-is-last-line'],
      sql('UPDATE wallets SET last_seq = last_seq + 1 WHERE no = 2'),
    ],
    [
      'a line was changed together with its balances',
      ['chain-is-unbroken', 'checkpoint-stands', 'paid-is-credited-once'],
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
      ['chain-is-unbroken', 'checkpoint-stands', 'head-is-last-line', 'ledger-is-witnessed'],
      sql('UPDATE wallet_transactions SET wallet_seq = 9 WHERE wallet_no = 2 AND wallet_seq = 3'),
    ],
    ...['"totalAmount":2500', '"currency":"KRW"', '"orderId":"order-paid"', '"paymentKey":"key-1"'].map(
      (said): [string, string[], () => Promise<void>] => [
        `the PSP did not say ${said}`,
        ['psp-total-is-ours'],
        sql(
          `UPDATE payment_events SET psp_raw_data = REPLACE(psp_raw_data, '${said}', '"other":1') WHERE no = 1`,
        ),
      ],
    ),
    [
      'the PSP took another amount',
      ['psp-total-is-ours'],
      sql(`UPDATE payment_events SET psp_raw_data = REPLACE(psp_raw_data, ':2500', ':2501') WHERE no = 1`),
    ],
    [
      'nothing is known of what the PSP said of a paid payment',
      ['psp-total-is-ours'],
      sql('UPDATE payment_events SET psp_raw_data = NULL WHERE no = 1'),
    ],
    [
      'what the PSP said is no JSON',
      ['psp-total-is-ours'],
      sql("UPDATE payment_events SET psp_raw_data = 'x' WHERE no = 1"),
    ],
    [
      'a total differs from its lines',
      ['psp-total-is-ours', 'total-is-lines'],
      sql('UPDATE payment_events SET total_amount = 1 WHERE no = 1'),
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
      ['flags-agree', 'psp-total-is-ours'],
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
        "UPDATE settlements SET last_seq_in = 0 WHERE order_id = 'order-paid'",
      ),
    ],
    [
      'a settlement waits for its acknowledgement',
      ['nothing-unacknowledged'],
      sql(
        `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = 0, updated_at = '${MOMENT}' WHERE no = 1`,
        `UPDATE settlements SET updated_at = '${MOMENT}' WHERE order_id = 'order-paid'`,
      ),
    ],
    [
      'a paid order waits behind a parked message',
      ['nothing-parked'],
      sql(
        `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = 0, updated_at = '${MOMENT}' WHERE no = 1`,
        `UPDATE settlements SET updated_at = '${MOMENT}' WHERE order_id = 'order-paid'`,
        `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, headers, error,
           parked_at) VALUES ('d', 'payment-service', 'wallet', 1, 1, 'e', 'order-paid', '{}', 'x', '${MOMENT}')`,
      ),
    ],
    [
      'a clock is ahead, so that what waits stays young',
      ['nothing-from-the-future'],
      sql("UPDATE outbox SET created_at = NOW(3) + INTERVAL 10 SECOND WHERE id = 'payment-1-1'"),
    ],
    [
      'a message was parked by a clock that is ahead',
      ['nothing-from-the-future'],
      sql(
        `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, headers, error, parked_at)
         VALUES ('d', 'payment-service', 'wallet', 1, 1, 'e', '{}', 'x', NOW(3) + INTERVAL 1 HOUR)`,
      ),
    ],
    [
      'a line was written by a clock that is ahead',
      ['chain-is-unbroken', 'nothing-from-the-future'],
      sql(
        'UPDATE wallet_transactions SET created_at = NOW(3) + INTERVAL 1 HOUR WHERE wallet_no = 2 AND wallet_seq = 3',
      ),
    ],
    [
      'an order was settled that was never published',
      ['settled-was-published'],
      sql("INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES ('nobody', 1, 1)"),
    ],
    [
      'an acknowledgement was never settled',
      ['acknowledged-was-settled'],
      sql("UPDATE settlements SET last_seq_out = 1 WHERE order_id = 'order-partly'"),
    ],
    [
      'more was settled than published',
      ['settled-was-published'],
      sql("UPDATE settlements SET last_seq_in = 9 WHERE order_id = 'order-paid'"),
    ],
  ];

  it.each(CASES)('When %s, then %p', async (_what, expected, breakIt) => {
    expect(await broken()).toEqual([]);
    await breakIt();
    expect((await broken()).sort()).toEqual([...expected].sort());
  });

  /** Nothing leads to it but the settlement itself, whose moment no index knows: `--full` finds it. */
  const FULL_ONLY = ['an order was settled that was never published'];
  it.each(CASES.filter(([what]) => !FULL_ONLY.includes(what)))(
    'When %s, then an audit of the orders since the last one finds it, too',
    async (_what, expected, breakIt) => {
      await breakIt();
      await run("INSERT INTO audit_checkpoints VALUES ('rows', '2026-11-01')");
      const { findings } = await audit(database(), { decode, alwaysFullLines: 0 });
      const seen = findings.filter(({ holds }) => !holds).map(({ check }) => check);
      expect(seen.sort()).toEqual([...expected].filter((name) => name !== 'checkpoint-stands').sort());
    },
  );

  it('Every check is seen to fail above', () => {
    const seen = new Set(CASES.flatMap(([, names]) => names));
    expect([...seen].sort()).toEqual([...CHECKS].sort());
  });

  it('When an event is young, then it may still be on its way', async () => {
    await run("DELETE FROM inbox WHERE event_id = 'payment-1-1'");
    await run("UPDATE outbox SET created_at = NOW(3) WHERE id = 'payment-1-1'");
    expect(await broken()).toEqual([]);
    expect(
      (await audit(database(), { graceS: -1, decode })).findings
        .filter(({ holds }) => !holds)
        .map(({ check }) => check),
    ).toEqual(['nothing-unpublished']);
  });

  it('When a settled event was purged from the outbox, then it still counts', async () => {
    // The audit has seen the events, so that their lines need no other witness any more.
    expect(await broken()).toEqual([]);
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

  it('When an order waits behind a parked message, then it is told apart from those in flight, with the message', async () => {
    await run(
      `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = 0, updated_at = '${MOMENT}' WHERE no = 1`,
    );
    await run(
      `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, headers, error)
       VALUES ('d', 'payment-service', 'wallet', 1, 1, 'e', 'order-paid', '{}', 'x')`,
    );
    // Young enough to be nobody's fault yet.
    expect(await broken()).toEqual([]);
    await run(`UPDATE dead_letters SET parked_at = '${MOMENT}'`);
    const report = await audit(database(), { decode });
    expect(report.findings.filter(({ holds }) => !holds)).toMatchObject([
      { check: 'nothing-parked', rows: [{ order_id: 'order-paid', dead_letter: 'd' }] },
    ]);
    expect(report.counts).toMatchObject({ parked: 1, parkedOrders: 1, inFlight: 0 });
    await run("UPDATE dead_letters SET status = 'RESOLVED'");
    expect((await audit(database(), { decode })).counts).toMatchObject({ parkedOrders: 0, inFlight: 1 });
  });

  describe('When an operator has given numbers up', () => {
    const close = (consumer: string, from: number, to: number) =>
      run(
        `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, headers, error,
           parked_at, status, resolved_at, resolved_by, resolution, closed_from_seq, closed_to_seq)
         VALUES (?, ?, 'payment', 1, 1, 'e', 'order-partly', '{}', 'x', ?, 'RESOLVED', ?, 'kim', 'agreed', ?, ?)`,
        [`closed-${consumer}-${from}`, consumer, MOMENT, MOMENT, from, to],
      );
    const waits = (acknowledged: number) =>
      run(
        `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = ?, updated_at = ? WHERE no = 2`,
        [acknowledged, MOMENT],
      );
    const settled = (seqIn: number, seqOut: number) =>
      run(
        "UPDATE settlements SET last_seq_in = ?, last_seq_out = ?, updated_at = ? WHERE order_id = 'order-partly'",
        [seqIn, seqOut, MOMENT],
      );
    const withoutDebit = () =>
      writeLedger(
        run,
        LEDGER.filter((_line, at) => at !== 5),
      );

    it('then a cancel that was not booked for it is told apart, and is neither a finding nor in flight', async () => {
      await withoutDebit();
      await run("DELETE FROM outbox WHERE id = 'wallet-2-2'");
      await waits(1);
      await settled(1, 1);
      await run("DELETE FROM inbox WHERE event_id = 'payment-2-2'");
      expect((await broken()).sort()).toEqual(['nothing-unpublished', 'nothing-unsettled']);
      await close('payment-service', 2, 2);
      expect((await broken()).sort()).toEqual(['nothing-unpublished', 'nothing-unsettled']);
      await run('DELETE FROM dead_letters');
      await close('wallet-service', 2, 2);
      const report = await audit(database(), { decode });
      expect(report.findings.filter(({ holds }) => !holds)).toEqual([]);
      expect(report.counts.inFlight).toBe(0);
      expect(report.givenUp).toMatchObject({
        orders: 1,
        rows: [
          { order_id: 'order-partly', from_seq: 2, to_seq: 2, resolved_by: 'kim', resolution: 'agreed' },
        ],
      });
      expect(auditText(report)).toMatch(
        /^note {4}given up +1 orders .*\n {10}order_id=order-partly .*by=kim/m,
      );
    });

    it('then of three the third goes on, and only the second is left out', async () => {
      await withoutDebit();
      await run("DELETE FROM outbox WHERE id = 'wallet-2-2'");
      await run('UPDATE payment_events SET last_event_seq = 3 WHERE no = 2');
      await run(
        `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
           payload, created_at) VALUES ('payment-2-3', 'payment', 'order-partly', 3, 3, 'x.Y', 'p3', X'0000000007', ?)`,
        [MOMENT],
      );
      await close('wallet-service', 2, 2);
      await waits(1);
      await settled(1, 1);
      expect((await broken()).sort()).toEqual(['nothing-unpublished', 'nothing-unsettled']);
      await run(
        `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash)
         VALUES ('wallet-service', 'payment-2-3', 'payment', 4, 100, 'order-partly', 3, '')`,
      );
      await settled(3, 2);
      expect(await broken()).toEqual(['nothing-unacknowledged']);
      await waits(2);
      expect(await broken()).toEqual([]);
      // A debit that belongs to no number that was given up is missed as ever.
      await run('UPDATE payment_cancels SET event_seq = 3 WHERE no = 2');
      expect(await broken()).toEqual(['canceled-is-debited']);
    });

    it('then an answer that was given up is not waited for', async () => {
      await waits(1);
      await run("UPDATE settlements SET updated_at = ? WHERE order_id = 'order-partly'", [MOMENT]);
      expect(await broken()).toEqual(['nothing-unacknowledged']);
      await close('payment-service', 2, 2);
      expect(await broken()).toEqual([]);
    });
  });

  it('When a seller’s balance is below zero, then it is told apart and is no finding of its own', async () => {
    expect((await audit(database(), { decode })).negativeBalances).toEqual({
      sellers: 0,
      owed: '0',
      rows: [],
    });
    // The chain is sound; what is broken is only that no cancel stands behind the money that went before.
    await writeLedger(run, [...LEDGER, [2, 'DEBIT', 2200, 2, 'order-paid']]);
    expect(await broken()).toEqual(['debited-is-canceled', 'canceled-is-debited']);
    const report = await audit(database(), { decode });
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
    const text = auditText(await audit(database(), { decode }));
    expect(text).toMatch(/^BROKEN {2}balance-is-ledger .*\n {10}wallet_no=1 seller_no=1 balance=3001\.00 /m);
    expect(text).toMatch(/AUDIT FAILED$/);
  });

  it('When hundreds of rows break it, then twenty are shown', async () => {
    for (let i = 0; i < 25; i += 1) {
      await run(
        `INSERT INTO payment_events (member_no, order_id, order_name, total_amount) VALUES (1, 'e${i}', 'x', 1)`,
      );
    }
    const report = await audit(database(), { decode });
    expect(report.findings.find(({ check }) => check === 'total-is-lines')?.rows).toHaveLength(20);
  });
});
