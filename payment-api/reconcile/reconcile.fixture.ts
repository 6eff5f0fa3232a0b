import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#kit/clock';
import { systemIds } from '#kit/ids';
import { createLog } from '#kit/log';
import { until } from '#kit/until.fixture';
import { openDatabase } from '#prisma/database';
import { startSimulator } from '#psp-simulator/simulator';
import type { TakeOverWorld } from '../payment/recover-payment';
import {
  CANCEL_INTERVAL_MS,
  PSP_TIMEOUT_MS,
  startTestApi,
  type Json,
  type TestApi,
} from '../payment-api.fixture';
import { createTossClient } from '../toss/toss-client';
import { listTransactions, type TossTransaction } from '../toss/toss-transactions';
import type { ReadingWorld } from './compare-day';
import { kstDay } from './kst-day.rules';
import { reconcile, type Reconciliation } from './reconcile';

// A payment API, and a PSP whose calendar the test turns: every test has Korean days of its own.

const SECRET_KEY = 'test_sk_simulator';
const FIRST_DAY_MS = Date.parse('2026-01-02T00:00:00Z');
const DAY_MS = 86_400_000;
/** The tests' payments are days old at the PSP; what they do here happens now. */
export const GRACE_S = 900;

export interface Books {
  api: TestApi;
  pspUrl: string;
  /** A Korean date that no test had before; the PSP's clock stands at its noon. */
  newDay(): string;
  /** The PSP's clock: Korean time, `2026-01-05T23:59:59.999`. */
  turnTo(kst: string): void;
  psp(method: string, path: string, body?: unknown): Promise<Json>;
  /** A shopper authenticates: the payment key. */
  authenticate(orderId: string, amount: number): Promise<string>;
  /** The PSP approves, and nobody here hears of it. */
  approveAtPsp(paymentKey: string, orderId: string, amount: number): Promise<void>;
  /** Checks out, authenticates, and lets the PSP approve. */
  approvedAtPsp(productNos?: number[]): Promise<{ orderId: string; amount: number; paymentKey: string }>;
  /** The PSP's back office gives money back. */
  cancelAtPsp(paymentKey: string, cancelAmount?: number): Promise<void>;
  /** Checks out, pays and settles. */
  paid(productNos?: number[]): Promise<{ orderId: string; amount: number; paymentKey: string }>;
  /** Writes the sellers' ledger as the wallet consumer would: the credits of what is paid, the debits of what is canceled. */
  settle(orderId: string): Promise<void>;
  change(orderId: string, set: string, values?: unknown[]): Promise<void>;
  /** What a process leaves that dies after its claim. */
  claimed(orderId: string, paymentKey: string, status?: string): Promise<void>;
  run(date: string, options?: RunOptions): Promise<Reconciliation>;
  /** `code` of every difference. */
  differences(date: string, options?: RunOptions): Promise<string[]>;
  /** Waits until a statement on this database waits for a locked table. */
  untilWaiting(): Promise<void>;
  /** Who moved the order's lines, and whereto. */
  moves(orderId: string): Promise<string[]>;
  close(): Promise<void>;
}

export interface RunOptions {
  repair?: boolean;
  graceS?: number;
  /** Falsifies the PSP's list. */
  list?: (page: TossTransaction[]) => TossTransaction[];
  pageSizeMax?: number;
}

export async function openBooks(): Promise<Books> {
  const dir = mkdtempSync(join(tmpdir(), 'reconcile-'));
  const log = createLog('reconcile', 'silent');
  let nowMs = FIRST_DAY_MS;
  let days = 0;
  const simulator = await startSimulator({
    port: 0,
    host: '127.0.0.1',
    dir,
    clock: () => new Date(nowMs),
    log,
    cancelIntervalMs: 0,
  });
  const toss = { baseUrl: simulator.url, secretKey: SECRET_KEY, timeoutMs: PSP_TIMEOUT_MS };
  const api = await startTestApi({ psp: createTossClient(toss) });
  const books = openDatabase(api.database.url('ops'), 1);
  const { administer } = api.database;
  const psp: Books['psp'] = async (method, path, body) => {
    const response = await fetch(`${simulator.url}${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${SECRET_KEY}:`).toString('base64')}`,
        'content-type': 'application/json',
        connection: 'close',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const repairing: TakeOverWorld = {
    ...api.world,
    clock: systemClock,
    ids: systemIds,
    log,
    pspTimeoutMs: PSP_TIMEOUT_MS,
    pspPauseMs: 1,
    cancelSpacingMs: CANCEL_INTERVAL_MS,
    claimLeaseMs: 180_000,
  };
  const run: Books['run'] = (date, options = {}) => {
    const { repair = false, graceS = GRACE_S, list = (page) => page, pageSizeMax = 3 } = options;
    const day = kstDay(date);
    if (day === undefined) throw new Error(`${date} is no date`);
    const reading: ReadingWorld = {
      books,
      psp: createTossClient(toss),
      async *listTransactions(of) {
        const limits = { ...toss, pageSizeMax, callsMax: 3, pauseMs: 1 };
        for await (const page of listTransactions(limits, of)) yield list(page);
      },
      pspPauseMs: 1,
      graceS,
      report: () => {},
    };
    return reconcile(reading, day, repair ? repairing : undefined);
  };
  const made: Books = {
    api,
    pspUrl: simulator.url,
    psp,
    run,
    newDay() {
      // Two days apart: what happens on the next day of one test is not another's.
      days += 3;
      const date = new Date(FIRST_DAY_MS + days * DAY_MS).toISOString().slice(0, 10);
      made.turnTo(`${date}T12:00:00`);
      return date;
    },
    turnTo: (kst) => void (nowMs = Date.parse(`${kst}+09:00`)),
    authenticate: async (orderId, amount) =>
      (await psp('POST', '/simulator/payments', { orderId, amount })).paymentKey,
    async approveAtPsp(paymentKey, orderId, amount) {
      await psp('POST', '/v1/payments/confirm', { paymentKey, orderId, amount });
    },
    async approvedAtPsp(productNos) {
      const { orderId, amount } = await api.order(productNos);
      const paymentKey = await made.authenticate(orderId, amount);
      await made.approveAtPsp(paymentKey, orderId, amount);
      return { orderId, amount, paymentKey };
    },
    async cancelAtPsp(paymentKey, cancelAmount) {
      const body = cancelAmount === undefined ? {} : { cancelAmount };
      await psp('POST', `/simulator/payments/${paymentKey}/cancel`, body);
    },
    async paid(productNos) {
      const { orderId, amount } = await api.order(productNos);
      const paymentKey = await made.authenticate(orderId, amount);
      const { status } = await api.confirm(paymentKey, orderId, amount);
      if (status !== 200) throw new Error(`confirm answered ${status}`);
      await made.settle(orderId);
      return { orderId, amount, paymentKey };
    },
    async settle(orderId) {
      for (const line of await api.lines(orderId)) {
        const status: string = line.payment_order_status;
        if (status === 'SUCCESS' || status === 'CANCELED') await enter(line, 'CREDIT');
        if (status === 'CANCELED') await enter(line, 'DEBIT');
      }
    },
    async change(orderId, set, values = []) {
      await administer(`UPDATE payment_events SET ${set} WHERE order_id = ?`, [...values, orderId]);
    },
    async claimed(orderId, paymentKey, status = 'EXECUTING') {
      await made.change(
        orderId,
        `status = ?, payment_key = ?, attempt = 1, claim_token = IF(? = 'EXECUTING', UUID(), NULL),
         claimed_at = NOW(3) - INTERVAL 4 HOUR`,
        [status, paymentKey, status],
      );
      await administer('UPDATE payment_orders SET payment_order_status = ? WHERE order_id = ?', [
        status,
        orderId,
      ]);
    },
    differences: async (date, options) =>
      (await run(date, options)).report.differences.map(({ code }) => code),
    untilWaiting: () =>
      until('a statement waits for a table', async () => {
        const [waiting] = await administer<Json[]>(
          `SELECT COUNT(*) AS statements FROM information_schema.processlist
           WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'`,
        );
        return Number(waiting.statements) > 0;
      }),
    async moves(orderId) {
      const rows = await administer<Json[]>(
        `SELECT DISTINCT h.previous_status, h.new_status, h.changed_by FROM payment_order_histories h
         JOIN payment_orders o ON o.no = h.payment_order_no WHERE o.order_id = ?`,
        [orderId],
      );
      return rows.map((row) => `${row.previous_status} → ${row.new_status} by ${row.changed_by}`);
    },
    async close() {
      try {
        await books.$disconnect();
        await api.close();
        await simulator.close();
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
  };

  /** A line of the ledger, once. */
  async function enter(line: Json, type: 'CREDIT' | 'DEBIT'): Promise<void> {
    await administer(
      `INSERT IGNORE INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id,
         order_id, event_id, idempotency_key, line_hash, created_at)
       SELECT w.no, 1 + (SELECT COUNT(*) FROM (SELECT wallet_no FROM wallet_transactions) t WHERE t.wallet_no = w.no),
         ?, ?, 0, ?, ?, UUID(), ?, '', NOW(3) FROM wallets w WHERE w.seller_no = ?`,
      [type, line.amount, line.no, line.order_id, `${type}:${line.no}`, line.seller_no],
    );
  }
  return made;
}
