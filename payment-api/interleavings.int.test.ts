import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { systemClock } from '#kit/clock';
import { systemIds } from '#kit/ids';
import { createLog } from '#kit/log';
import { Refusal } from '#kit/refusal';
import { openTestDatabase, testCodec, type TestDatabase } from '#prisma/database.fixture';
import { allocateCancel } from './allocate-cancel/allocate-cancel';
import { cancelPayment, type CancelWorld } from './cancel-payment/cancel-payment';
import { checkout } from './checkout/checkout';
import { confirmPayment } from './confirm-payment/confirm-payment';
import { FAULTS, ModelPsp, Stepper, type Fault } from './model-psp.fixture';
import type { Json } from './payment-api.fixture';
import { LATE_APPROVAL_REVERSED } from './payment/recovery.rules';
import { recoverNext, type RecoveryWorld } from './recover-payments/recover-payments';
import { isPaid } from './payment/states';
import { statusesWorthALook } from './receive-webhook/receive-webhook.rules';
import { requestChecks } from './receive-webhook/receive-webhook.store';
import type { Psp } from './toss/toss-client';

// Whole steps of our processes (claim, ask, record, take over, cancel, webhook, crash) in random order, on the real
// database, against a PSP whose money is the model. Leases are zero: whatever stands still may be taken over at once, and
// what was taken over wakes up later. When all is said and done, our rows must tell what the PSP has done.

/** After that time no run begins, unless there were too few. */
const RUN_LIMIT_MS = 40_000;
const RUNS_MIN = 11;
const RUNS_MAX = 400;
const ROUNDS_MAX = 4;
const TAKEN_MAX = 12;
const LENGTH = { minLength: 4, maxLength: 30, size: 'max' as const };
const ORDERS = 1;
const ADMISSION = { checkoutWaitingMax: 1_000, confirmWaitingMax: 1_000 };
const PRODUCTS = [1, 4, 6];

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('paymentApi');
});
afterAll(() => database.close());

const { encode, decode } = testCodec();
const log = createLog('interleavings', 'silent');
const sql = (text: string, values: unknown[] = []): Promise<Json[]> => database.administer(text, values);

const who = fc.nat({ max: 5 });
const order = fc.nat({ max: ORDERS - 1 });
/** Most calls go well, so that runs come far. */
const fault = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fault>('none') },
  { weight: 5, arbitrary: fc.constantFrom(...FAULTS, 'late' as const) },
);
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('confirm' as const), order, key: fc.nat({ max: 1 }) }),
  },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('advance' as const), who, fault }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('recover' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('cancel' as const), order, lines: fc.nat({ max: 7 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('webhook' as const), order }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('age' as const), order }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('arrive' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('back-office' as const), order, line: fc.nat({ max: 3 }) }),
  },
);
const beginning = fc.record({
  isPaid: fc.boolean(),
  /** The session at the PSP ends, and requests that were under way arrive after that. */
  isOld: fc.boolean(),
});
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

interface Ordered {
  orderId: string;
  amount: bigint;
  keys: string[];
  lines: { no: number; amount: bigint }[];
}

/** One run: its orders, its PSP, and the processes that are under way. */
class Run {
  readonly psp = new ModelPsp(randomUUID().slice(0, 8));
  readonly steppers: Stepper[] = [];
  readonly orders: Ordered[] = [];
  readonly approved = new Set<string>();

  worldOf(psp: Psp): RecoveryWorld & CancelWorld {
    return {
      db: database.db,
      psp,
      pspGate: () => undefined,
      admission: ADMISSION,
      encode,
      ids: systemIds,
      clock: systemClock,
      log,
      pspPauseMs: 0,
      pspTimeoutMs: 0,
      cancelSpacingMs: 0,
      claimLeaseMs: 0,
      count: () => {},
    };
  }

  async prepare(): Promise<void> {
    // What a failed run has left must not be taken for this one's.
    await sql("UPDATE payment_events SET next_check_at = NULL, claimed_at = '2099-01-01'");
    await sql('UPDATE payment_cancels SET next_check_at = NULL');
    for (let index = 0; index < ORDERS; index += 1) {
      const { order: made } = await checkout(
        { db: database.db, ids: systemIds, admission: ADMISSION },
        { productNos: PRODUCTS, idempotencyKey: null },
      );
      const rows = await sql('SELECT no, amount FROM payment_orders WHERE order_id = ? ORDER BY no', [
        made.orderId,
      ]);
      this.orders.push({
        orderId: made.orderId,
        amount: made.amount,
        keys: [0, 1].map(() => this.psp.authenticate(made.orderId, made.amount)),
        lines: rows.map((row) => ({ no: Number(row.no), amount: BigInt(row.amount.split('.')[0]) })),
      });
    }
  }

  async begin(name: string, work: (world: RecoveryWorld & CancelWorld) => Promise<unknown>): Promise<void> {
    const stepper = new Stepper(name);
    this.steppers.push(stepper);
    const client = this.psp.client(stepper.stop, async () => void (await stepper.stop()));
    await stepper.start(() => work(this.worldOf(client)));
  }

  underWay(index: number): Stepper | undefined {
    const running = this.steppers.filter(({ isDone }) => !isDone);
    return running[index % Math.max(running.length, 1)];
  }

  orderAt = (index: number): Ordered => this.orders[index] ?? (this.orders[0] as Ordered);

  async execute(step: Command): Promise<void> {
    switch (step.do) {
      case 'confirm':
        return this.confirm(this.orderAt(step.order), step.key);
      case 'cancel':
        return this.cancel(this.orderAt(step.order), step.lines);
      case 'recover':
        return this.begin('recover', (world) => recoverNext(world));
      case 'advance':
        return this.underWay(step.who)?.advance(step.fault);
      case 'crash':
        // It stands at a stop for ever, with whatever it has written so far.
        this.steppers.splice(this.steppers.findIndex((one) => one === this.underWay(step.who)) >>> 0, 1);
        return;
      case 'webhook':
        return this.webhook(this.orderAt(step.order));
      case 'time':
        return this.letTimePass();
      case 'age':
        await sql(
          'UPDATE payment_events SET claimed_at = claimed_at - INTERVAL 11 MINUTE WHERE order_id = ?',
          [this.orderAt(step.order).orderId],
        );
        return;
      case 'arrive':
        return this.psp.underWay.shift()?.();
      case 'back-office': {
        const { orderId, lines } = this.orderAt(step.order);
        const paid = this.psp
          .ofOrder(orderId)
          .find(({ balanceAmount, approvedAt }) => approvedAt && balanceAmount);
        if (paid !== undefined)
          this.psp.backOffice(paid.paymentKey, lines[step.line]?.amount ?? paid.balanceAmount);
        return;
      }
    }
  }

  confirm({ orderId, amount, keys }: Ordered, key: number): Promise<void> {
    const paymentKey = keys[key] ?? '';
    return this.begin('confirm', async (world) => {
      await confirmPayment(world, { paymentKey, orderId, amount, traceparent: null }, log);
      this.approved.add(orderId);
    });
  }

  cancel({ orderId, lines }: Ordered, mask: number): Promise<void> {
    const chosen = lines.filter((_line, index) => (mask & (1 << index)) !== 0).map(({ no }) => no);
    const paymentOrderNos = chosen.length === 0 ? undefined : chosen;
    const request = {
      orderId,
      cancelReason: 'x',
      paymentOrderNos,
      idempotencyKey: randomUUID(),
      traceparent: null,
    };
    return this.begin('cancel', (world) => cancelPayment(world, request, log));
  }

  async webhook({ orderId }: Ordered): Promise<void> {
    for (const { status } of this.psp.ofOrder(orderId))
      await requestChecks(database.db, [{ orderId: orderId, statuses: statusesWorthALook(status) }]);
  }

  async letTimePass(): Promise<void> {
    const orderIds = this.orders.map(({ orderId }) => orderId);
    for (const table of ['payment_events', 'payment_cancels']) {
      await sql(
        `UPDATE ${table} SET next_check_at = NOW(3) WHERE order_id IN (?) AND next_check_at IS NOT NULL`,
        [orderIds],
      );
    }
  }

  /** Everybody ends, whatever was under way arrives, and the PSP answers from now on. */
  async settle({ isEarly = false } = {}): Promise<void> {
    if (!isEarly) {
      for (const stepper of this.steppers) while (!stepper.isDone) await stepper.advance('none');
      for (const late of this.psp.underWay.splice(0)) late();
    }
    const world = this.worldOf(
      this.psp.client(
        async () => 'none',
        async () => {},
      ),
    );
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      for (const each of this.orders) await this.webhook(each);
      await this.letTimePass();
      let taken = 0;
      while (taken < TAKEN_MAX && (await recoverNext(world))) taken += 1;
      if (taken === 0) return;
    }
  }

  /** An administrator allocates what fits a line. */
  async allocate(): Promise<void> {
    const world = { db: database.db, encode, ids: systemIds };
    for (const { orderId, lines } of this.orders) {
      for (const row of await sql(
        "SELECT * FROM payment_cancels WHERE order_id = ? AND status = 'UNALLOCATED'",
        [orderId],
      )) {
        const left = await sql(
          "SELECT no FROM payment_orders WHERE order_id = ? AND payment_order_status = 'SUCCESS'",
          [orderId],
        );
        const fitting = lines.find(
          ({ no, amount }) =>
            `${amount}.00` === row.cancel_amount && left.some((one) => Number(one.no) === no),
        );
        if (fitting !== undefined)
          await allocateCancel(world, { orderId, cancelId: row.id, paymentOrderNos: [fitting.no] }, log);
      }
    }
  }
}

const byNumber = (a: number, b: number): number => a - b;

/** What must hold of an order when all is done. @throws Error saying what does not */
async function judge(run: Run, { orderId, amount }: Ordered): Promise<string> {
  const [payment] = await sql('SELECT * FROM payment_events WHERE order_id = ?', [orderId]);
  const lines = await sql('SELECT * FROM payment_orders WHERE order_id = ? ORDER BY no', [orderId]);
  const cancels = await sql('SELECT * FROM payment_cancels WHERE order_id = ? ORDER BY no', [orderId]);
  const outbox = await sql('SELECT * FROM outbox WHERE aggregate_id = ? ORDER BY no', [orderId]);
  const events = await Promise.all(outbox.map(async (row) => (await decode(row.payload)) as Json));
  const won = (text: string): bigint => BigInt(text.split('.')[0] ?? '');
  const sum = (amounts: bigint[]): bigint => amounts.reduce((total, each) => total + each, 0n);
  const approvals = run.psp.ofOrder(orderId).filter(({ approvedAt }) => approvedAt !== null);
  const kept = sum(approvals.map(({ balanceAmount }) => balanceAmount));
  const paid = isPaid(payment.status);

  expect(['NOT_STARTED', 'SUCCESS', 'FAILURE', 'PARTIAL_CANCELED', 'CANCELED']).toContain(payment.status);
  // Never a second charge, never a lost success.
  expect(approvals.length).toBeLessThanOrEqual(1);
  expect(payment.is_payment_done).toBe(paid ? 1 : 0);
  const isReversed = !paid && approvals.length === 1;
  expect(paid ? approvals[0]?.paymentKey : kept).toBe(paid ? payment.payment_key : 0n);
  expect(isReversed ? payment.failure_code : LATE_APPROVAL_REVERSED).toBe(LATE_APPROVAL_REVERSED);
  expect(paid || !run.approved.has(orderId)).toBe(true);

  // What was given back is what our lines say, but for what no line fits.
  const canceled = lines.filter((line) => line.payment_order_status === 'CANCELED');
  const unallocated = cancels.filter((row) => row.status === 'UNALLOCATED');
  const givenBack = paid ? amount - kept : 0n;
  expect(
    sum(canceled.map((line) => won(line.amount))) + sum(unallocated.map((row) => won(row.cancel_amount))),
  ).toBe(givenBack);
  expect(cancels.filter((row) => ['REQUESTED', 'EXECUTING', 'UNKNOWN'].includes(row.status))).toEqual([]);

  // Events: dense, one confirmation, each canceled line in one cancellation.
  expect(outbox.map((row) => Number(row.aggregate_seq))).toEqual(outbox.map((_row, index) => index + 1));
  expect(Number(payment.last_event_seq)).toBe(outbox.length);
  expect(events.map(({ record }) => record)).toEqual([
    ...(paid ? ['payment.PaymentConfirmed'] : []),
    ...events.slice(1).map(() => 'payment.PaymentCanceled'),
  ]);
  const inEvents = events
    .slice(1)
    .flatMap(({ value }) => value.lines.map((line: Json) => line.paymentOrderNo));
  expect(inEvents.toSorted(byNumber)).toEqual(canceled.map((line) => Number(line.no)).toSorted(byNumber));

  // Histories: each line's moves are a chain from its beginning to where it stands.
  for (const line of lines) {
    const moves = await sql('SELECT * FROM payment_order_histories WHERE payment_order_no = ? ORDER BY no', [
      line.no,
    ]);
    const chain = ['NOT_STARTED', ...moves.map((move) => move.new_status)];
    expect(moves.map((move) => move.previous_status)).toEqual(chain.slice(0, -1));
    expect(chain.at(-1)).toBe(line.payment_order_status);
  }
  return unallocated.length > 0 ? 'UNALLOCATED' : (payment.failure_code ?? payment.status);
}

test('Whatever the order of steps, the shopper is charged once or not at all, and our rows say what the PSP has done', async () => {
  let runs = 0;
  const endings = new Map<string, number>();
  const deadline = Date.now() + RUN_LIMIT_MS;
  const seed = Number(process.hrtime.bigint() % 2_147_483_647n);
  process.stdout.write(`interleavings: seed ${seed}\n`);
  await fc.assert(
    fc.asyncProperty(
      beginning,
      fc.array(command, LENGTH),
      async ({ isPaid: isPaidFirst, isOld }, commands) => {
        if (runs >= RUNS_MIN && Date.now() > deadline) return;
        runs += 1;
        const run = new Run();
        await run.prepare();
        await run.confirm(run.orderAt(0), 0);
        if (isPaidFirst) await run.settle();
        for (const step of commands) await run.execute(step);
        if (isOld) {
          await run.execute({ do: 'age', order: 0 });
          await run.settle({ isEarly: true });
        }
        await run.settle();
        await run.allocate();
        await run.settle();
        for (const each of run.orders) {
          const ending = await judge(run, each);
          endings.set(ending, (endings.get(ending) ?? 0) + 1);
        }
        for (const { name, result } of run.steppers) {
          const ended = await result;
          // Whoever was refused was told why; nothing else is thrown, whatever came between.
          if (ended instanceof Error && !(ended instanceof Refusal)) throw new Error(name, { cause: ended });
        }
      },
    ),
    { seed, numRuns: RUNS_MAX },
  );
  process.stdout.write(`interleavings: ${runs} runs, ${JSON.stringify(Object.fromEntries(endings))}\n`);
  expect(runs).toBeGreaterThanOrEqual(RUNS_MIN);
});
