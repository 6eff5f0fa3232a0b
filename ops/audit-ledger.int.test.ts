import { audit, type AuditOptions, type AuditReport } from './audit';
import { LEDGER_CHECKS } from './audit.ledger';
import { saveCheckpoints, walletsProgress } from './ledger.store';
import { decode, LEDGER, MOMENT, rechain, useMarket, writeLedger } from './market.fixture';
import { inTransaction } from '#prisma/transaction';

// Each way of tampering with the ledger is done here, exactly, and seen in the audit.

const { run, database } = useMarket();

const DAY_MS = 86_400_000;
const auditNow = (options: AuditOptions = {}): Promise<AuditReport> =>
  audit(database(), { decode, ...options });
const NAMES: string[] = Object.values(LEDGER_CHECKS).map(([name]) => name);
const brokenIn = ({ findings }: AuditReport): string[] =>
  findings.filter(({ check, holds }) => !holds && NAMES.includes(check)).map(({ check }) => check);
const rowsOf = ({ findings }: AuditReport, name: string) =>
  findings.find(({ check }) => check === name)?.rows ?? [];
/** Without the guard for small ledgers: as a ledger of millions is audited. */
const INCREMENTAL: AuditOptions = { alwaysFullLines: 0 };

/** The last line of wallet 2 is taken away, as if it had never been. */
async function removeTail(): Promise<void> {
  await run('DELETE FROM wallet_transactions WHERE wallet_no = 2 AND wallet_seq = 3');
  await rechain(run, 2);
}

describe('tampering with the ledger', () => {
  it('When a line is altered, then the chain is broken there', async () => {
    await run(
      "UPDATE wallet_transactions SET order_id = 'order-open' WHERE wallet_no = 1 AND wallet_seq = 2",
    );
    const report = await auditNow();
    expect(brokenIn(report)).toEqual(['chain-is-unbroken']);
    expect(rowsOf(report, 'chain-is-unbroken')).toMatchObject([{ wallet_no: 1n, wallet_seq: 2n }]);
  });

  it('When a line is removed from the middle, then the chain is broken, and the line is told to be gone', async () => {
    await run('DELETE FROM wallet_transactions WHERE wallet_no = 1 AND wallet_seq = 2');
    const report = await auditNow();
    expect(brokenIn(report)).toEqual(['chain-is-unbroken', 'ledger-is-witnessed']);
    expect(rowsOf(report, 'ledger-is-witnessed')).toEqual([
      { wallet_no: 1n, wallet_seq: 2n, order_id: 'order-partly', problem: 'it was told of, and is gone' },
    ]);
  });

  it('When the last line is removed together with head and balance, then its event tells of it', async () => {
    await removeTail();
    const report = await auditNow();
    expect(brokenIn(report)).toEqual(['ledger-is-witnessed']);
    expect(rowsOf(report, 'ledger-is-witnessed')).toEqual([
      { wallet_no: 2n, wallet_seq: 3n, order_id: 'order-canceled', problem: 'it was told of, and is gone' },
    ]);
  });

  it('When a line is altered and the whole chain computed anew, then every event from there on tells another hash', async () => {
    await run('UPDATE wallet_transactions SET amount = 2001 WHERE wallet_no = 1 AND wallet_seq = 2');
    await rechain(run, 1);
    const report = await auditNow();
    expect(brokenIn(report)).toEqual(['ledger-is-witnessed']);
    expect(
      rowsOf(report, 'ledger-is-witnessed').map(({ wallet_seq: seq, problem }) => [seq, problem]),
    ).toEqual([2n, 3n, 4n].map((seq) => [seq, 'its event told another hash']));
  });

  it('When a line is added with a sound chain, then no event has told of it', async () => {
    await run(
      `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
         event_id, idempotency_key, line_hash, created_at)
       VALUES (2, 4, 'CREDIT', 900, 0, 2, 'order-paid', 'event', 'CREDIT:forged', '', '${MOMENT}')`,
    );
    await rechain(run, 2);
    const report = await auditNow();
    expect(brokenIn(report)).toEqual(['ledger-is-witnessed']);
    expect(rowsOf(report, 'ledger-is-witnessed')).toMatchObject([
      { wallet_no: 2n, wallet_seq: 4n, problem: 'no event told of it' },
    ]);
  });

  it('When a line stands behind the head, then the head is not the last line', async () => {
    await run(
      `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
         event_id, idempotency_key, line_hash, created_at)
       VALUES (2, 4, 'CREDIT', 900, 2400, 2, 'order-paid', 'event', 'CREDIT:forged', '', '${MOMENT}')`,
    );
    expect(brokenIn(await auditNow())).toContain('head-is-last-line');
  });

  it('When the event in the outbox is altered, too, then it cannot be read or tells another hash', async () => {
    await run("UPDATE outbox SET payload = CONCAT(payload, 'x') WHERE id = 'wallet-1-1'");
    expect(rowsOf(await auditNow(), 'ledger-is-witnessed')).toMatchObject([
      {
        order_id: 'order-paid',
        event_id: 'wallet-1-1',
        problem: expect.stringContaining('cannot be read') as unknown,
      },
      { wallet_no: 1n, wallet_seq: 1n, problem: 'no event told of it' },
      { wallet_no: 2n, wallet_seq: 1n, problem: 'no event told of it' },
    ]);
  });
});

describe('checkpoints', () => {
  const checkpoints = () =>
    run('SELECT wallet_no, wallet_seq, balance FROM ledger_checkpoints ORDER BY wallet_no');
  const SOUND = [
    { wallet_no: 1n, wallet_seq: 4n, balance: '3000.00' },
    { wallet_no: 2n, wallet_seq: 3n, balance: '1500.00' },
  ];

  it('When the ledger is sound, then it is remembered up to where; when it is not, then nothing is', async () => {
    await run("UPDATE wallets SET last_hash = REPEAT('f', 64) WHERE no = 1");
    await auditNow();
    expect(await checkpoints()).toEqual([]);
    await rechain(run, 1);
    await auditNow();
    expect(await checkpoints()).toEqual(SOUND);
  });

  it('When only other invariants are broken, then the ledger is remembered all the same', async () => {
    await run('UPDATE payment_events SET total_amount = 1 WHERE no = 3');
    expect((await auditNow()).holds).toBe(false);
    expect(await checkpoints()).toEqual(SOUND);
  });

  it('When events were purged after an audit and the chain is computed anew, then the checkpoint does not stand', async () => {
    await auditNow();
    await run('DELETE FROM outbox');
    await run('UPDATE wallet_transactions SET amount = 2001 WHERE wallet_no = 1 AND wallet_seq = 2');
    await rechain(run, 1);
    for (const options of [{}, INCREMENTAL]) {
      const report = await auditNow(options);
      expect(brokenIn(report)).toEqual(['checkpoint-stands']);
      expect(rowsOf(report, 'checkpoint-stands')).toMatchObject([{ wallet_no: 1n, wallet_seq: 4n }]);
    }
  });

  it('When the last line is removed after an audit, then the checkpoint does not stand', async () => {
    await auditNow();
    await run('DELETE FROM outbox');
    await removeTail();
    expect(brokenIn(await auditNow())).toEqual(['checkpoint-stands']);
    expect(brokenIn(await auditNow(INCREMENTAL))).toContain('checkpoint-stands');
  });

  it('When events were purged before any audit, then their lines are a finding, unless a purge was wanted', async () => {
    await run('DELETE FROM outbox');
    // Nothing purges by itself: a whole outbox that is gone was taken away.
    expect(rowsOf(await auditNow(), 'ledger-is-witnessed')).toHaveLength(7);
    const written = new Date(`${MOMENT.replace(' ', 'T')}Z`);
    expect(brokenIn(await auditNow({ purgedBefore: written }))).toEqual(['ledger-is-witnessed']);
    const report = await auditNow({ purgedBefore: new Date(written.getTime() + 1_000) });
    expect(brokenIn(report)).toEqual([]);
    expect(report.ledger).toEqual({ isFull: true, verifiedLines: 7, unwitnessedLines: 7 });
  });

  it('When some events were purged, then their lines are counted; what no published event told of is found', async () => {
    await run("DELETE FROM outbox WHERE aggregate_type = 'wallet' AND aggregate_id = 'order-paid'");
    await run(
      "DELETE FROM outbox WHERE aggregate_type = 'wallet' AND aggregate_id = 'order-canceled' AND aggregate_seq = 1",
    );
    const purgedBefore = new Date(Date.now() + DAY_MS);
    const report = await auditNow({ purgedBefore });
    expect(brokenIn(report)).toEqual([]);
    expect(report.ledger).toEqual({ isFull: true, verifiedLines: 7, unwitnessedLines: 3 });
    // As if the purged event had never been: nothing but the line speaks of it.
    await run("UPDATE settlements SET last_seq_out = 1 WHERE order_id = 'order-canceled'");
    const forged = await auditNow({ purgedBefore });
    expect(brokenIn(forged)).toEqual(['ledger-is-witnessed']);
    expect(rowsOf(forged, 'ledger-is-witnessed')).toEqual([
      { wallet_no: 2n, wallet_seq: 2n, order_id: 'order-canceled', problem: 'no event told of it' },
    ]);
    expect(forged.ledger.unwitnessedLines).toBe(2);
  });

  it('When a large ledger is audited again, then only what has come since is read; --full reads all', async () => {
    await auditNow();
    expect((await auditNow(INCREMENTAL)).ledger).toEqual({
      isFull: false,
      verifiedLines: 0,
      unwitnessedLines: 0,
    });
    const saved = await run('SELECT * FROM ledger_checkpoints');
    await writeLedger(run, [
      ...LEDGER,
      [1, 'CREDIT', 500, 5, 'order-open'],
      [2, 'CREDIT', 1, 5, 'order-open'],
    ]);
    for (const { wallet_no: no, wallet_seq: seq, line_hash: hash, balance } of saved)
      await run('INSERT INTO ledger_checkpoints VALUES (?, ?, ?, ?, NOW(3))', [no, seq, hash, balance]);
    const report = await auditNow(INCREMENTAL);
    expect(brokenIn(report)).toEqual([]);
    expect(report.ledger).toEqual({ isFull: false, verifiedLines: 2, unwitnessedLines: 0 });
    expect((await checkpoints()).map(({ wallet_seq: seq }) => seq)).toEqual([5n, 4n]);
    expect((await auditNow({ ...INCREMENTAL, isFull: true })).ledger).toMatchObject({
      isFull: true,
      verifiedLines: 9,
    });

    // A new line that was tampered with is found at once, one that was verified before by --full.
    await run('DELETE FROM ledger_checkpoints WHERE wallet_no = 1');
    for (const { wallet_no: no, wallet_seq: seq, line_hash: hash, balance } of saved.slice(0, 1))
      await run('INSERT INTO ledger_checkpoints VALUES (?, ?, ?, ?, NOW(3))', [no, seq, hash, balance]);
    await run("UPDATE wallet_transactions SET event_id = 'x' WHERE wallet_no = 1 AND wallet_seq = 5");
    expect(brokenIn(await auditNow(INCREMENTAL))).toEqual(['chain-is-unbroken']);
    await run("UPDATE wallet_transactions SET event_id = 'event' WHERE wallet_no = 1 AND wallet_seq = 5");
    // What has failed is verified whole, once.
    expect((await auditNow(INCREMENTAL)).ledger).toMatchObject({ isFull: true });
    await run("UPDATE wallet_transactions SET event_id = 'x' WHERE wallet_no = 1 AND wallet_seq = 2");
    expect(brokenIn(await auditNow(INCREMENTAL))).toEqual([]);
    expect(brokenIn(await auditNow({ ...INCREMENTAL, isFull: true }))).toEqual(['chain-is-unbroken']);
  });

  it('When an older audit ends after a newer one, then the newer checkpoint stays', async () => {
    await auditNow();
    await run('UPDATE ledger_checkpoints SET wallet_seq = 9, balance = 9 WHERE wallet_no = 1');
    const heads = (await walletsProgress(database())).map(({ head }) => head);
    await inTransaction(database(), (tx) => saveCheckpoints(tx, heads, new Date()));
    expect(await checkpoints()).toEqual([{ wallet_no: 1n, wallet_seq: 9n, balance: '9.00' }, SOUND[1]]);
  });
});
