import { audit, type AuditOptions, type AuditReport } from './audit';
import { decode, MOMENT, useMarket } from './market.fixture';

// How a large ledger is audited: the checks of the rows look at the orders that something has happened to since all of
// them held. Here an old order is broken, which nothing leads to; then something does.

const { run, database } = useMarket();
const INCREMENTAL: AuditOptions = { alwaysFullLines: 0 };
const brokenIn = ({ findings }: AuditReport): string[] =>
  findings.filter(({ holds }) => !holds).map(({ check }) => check);
const auditNow = async (options: AuditOptions = INCREMENTAL): Promise<string[]> =>
  brokenIn(await audit(database(), { decode, ...options }));
const heldAt = () => run("SELECT verified_at FROM audit_checkpoints WHERE checks = 'rows'");

const breakOldOrder = () => run('UPDATE payment_events SET total_amount = 3000 WHERE no = 1');
const BROKEN = ['psp-total-is-ours', 'total-is-lines'];

describe('the scope of an audit', () => {
  it('When nothing has happened to an order since, then only --full looks at it', async () => {
    expect(await auditNow()).toEqual([]);
    await breakOldOrder();
    expect(await auditNow()).toEqual([]);
    expect(await auditNow({ ...INCREMENTAL, isFull: true })).toEqual(BROKEN);
    // A small ledger is looked at whole.
    expect(await auditNow({})).toEqual(BROKEN);
  });

  it('When --full has found something, then the next audit finds it, too, until a full one holds', async () => {
    await auditNow();
    await breakOldOrder();
    expect(await auditNow({ ...INCREMENTAL, isFull: true })).toEqual(BROKEN);
    expect(await auditNow()).toEqual(BROKEN);
    await run('UPDATE payment_events SET total_amount = 2500 WHERE no = 1');
    // The next one is full by itself, and holds: then what has come since is enough again.
    expect(await auditNow()).toEqual([]);
    await breakOldOrder();
    expect(await auditNow()).toEqual([]);
  });

  it('When --full has found an altered ledger, then the next audit finds it, too, until it is repaired', async () => {
    await auditNow();
    const alter = (won: number) =>
      run('UPDATE wallet_transactions SET amount = amount + ? WHERE wallet_no = 1 AND wallet_seq = 1', [won]);
    const full: AuditOptions = { ...INCREMENTAL, isFull: true };
    await alter(5);
    expect(await auditNow(full)).toContain('chain-is-unbroken');
    expect(await auditNow()).toContain('chain-is-unbroken');
    await alter(-5);
    expect(await auditNow(full)).toEqual([]);
    expect((await audit(database(), { decode, ...INCREMENTAL })).ledger).toMatchObject({ isFull: false });
  });

  it('When the checks have never held, then all is looked at', async () => {
    await breakOldOrder();
    expect(await auditNow()).toEqual(BROKEN);
    expect(await heldAt()).toEqual([]);
    expect(await auditNow()).toEqual(BROKEN);
  });

  const TOUCHES: [what: string, statement: string][] = [
    ['an event of it', "UPDATE outbox SET created_at = NOW(3) WHERE id = 'payment-1-1'"],
    [
      'an event of it that was consumed',
      "UPDATE inbox SET processed_at = NOW(3) WHERE event_id = 'payment-1-1'",
    ],
    ['a settlement of it that is under way', 'UPDATE payment_events SET is_wallet_done = FALSE WHERE no = 1'],
    ['a checkout', 'UPDATE payment_events SET created_at = NOW(3) WHERE no IN (1, 2, 3, 4, 5)'],
    [
      'a change of a status',
      `INSERT INTO payment_order_histories (payment_order_no, new_status, changed_by, reason)
       VALUES (1, 'SUCCESS', 'admin', 'x')`,
    ],
    ['a ledger line', 'UPDATE wallet_transactions SET created_at = NOW(3)'],
  ];
  it.each(TOUCHES)('When there is %s, then an order is looked at', async (_what, statement) => {
    await auditNow();
    await breakOldOrder();
    await run(statement);
    expect(await auditNow()).toEqual(expect.arrayContaining(BROKEN));
  });

  it('When a check fails, then what it has found stays in the scope', async () => {
    await auditNow();
    const before = await heldAt();
    await breakOldOrder();
    await run("UPDATE outbox SET created_at = NOW(3) WHERE id = 'payment-1-1'");
    expect(await auditNow()).toEqual(BROKEN);
    expect(await heldAt()).toEqual(before);
  });

  it('When only a parked message is found, then the scope moves on all the same', async () => {
    await auditNow();
    const before = await heldAt();
    await run(
      `UPDATE payment_events SET is_wallet_done = FALSE, acknowledged_events = 0, updated_at = '${MOMENT}' WHERE no = 1`,
    );
    await run(
      `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, headers, error,
         parked_at) VALUES ('d', 'payment-service', 'wallet', 1, 1, 'e', 'order-paid', '{}', 'x', '${MOMENT}')`,
    );
    expect(await auditNow()).toEqual(['nothing-parked']);
    expect(await heldAt()).not.toEqual(before);
  });

  it('When the audit takes hours, then it is not ended for that', async () => {
    const clock = performance.now.bind(performance);
    let hours = 0;
    const spy = jest.spyOn(performance, 'now').mockImplementation(() => clock() + hours * 3_600_000);
    try {
      expect(await auditNow({ ...INCREMENTAL, onStep: () => void (hours += 1) })).toEqual([]);
    } finally {
      spy.mockRestore();
    }
    expect(await heldAt()).toHaveLength(1);
  });

  it('When the audit itself takes long, then what was young in its snapshot has not grown late', async () => {
    await run("DELETE FROM inbox WHERE event_id = 'payment-1-1'");
    await run("UPDATE outbox SET created_at = NOW(3) - INTERVAL 50 SECOND WHERE id = 'payment-1-1'");
    const beganMs = Date.now();
    // Each step takes a while: the check is reached when the row is older than the promised minute. The ten seconds before
    // are for the snapshot, which a slow machine takes late.
    const onStep = (step: string): void => {
      if (step !== 'orders to look at') return;
      while (Date.now() - beganMs < 11_500);
    };
    expect(await auditNow({ onStep })).toEqual([]);
  });
});
