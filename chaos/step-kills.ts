import { randomUUID } from 'node:crypto';
import type { Connection } from 'mariadb';
import { sleep } from '#kit/clock';
import { ask } from './http';
import { hit, missed, type Fault } from './injected';
import type { ChaosSystem } from './system';

// A process is killed exactly between two of its steps. No switch in the code: the PSP holds a request or an answer, a lock
// holds a row, a link holds a COMMIT's answer.

/** Generous: a moment that comes late on a slow machine is the same moment. */
const WAIT_MS = 120_000;
const POLL_MS = 25;

/** Waits for a state of the world. @returns false when it did not come: then the kill is not at that step */
export async function until(check: () => Promise<boolean>, waitMs = WAIT_MS): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (Date.now() < deadline) {
    if (await check()) return true;
    await sleep(POLL_MS);
  }
  return false;
}

export const untilLockWait = (root: Connection, table: string): Promise<boolean> =>
  until(async () => {
    const rows = await root.query<unknown[]>(
      `SELECT 1 FROM performance_schema.data_lock_waits w
       JOIN performance_schema.data_locks l ON l.engine_lock_id = w.requesting_engine_lock_id
       WHERE l.object_name = ?`,
      [table],
    );
    return rows.length > 0;
  });

/** Longer than anything is held here. */
const HELD = { timeoutMs: 2 * WAIT_MS };

interface Order {
  orderId: string;
  amount: number;
  paymentKey: string;
}

async function authenticatedOrder({ urls }: ChaosSystem): Promise<Order> {
  const made = await ask('POST', `${urls.api}/api/payments/checkout`, { productNos: [1, 4] });
  const { orderId, amount } = made.data as { orderId: string; amount: number };
  const window = await ask('POST', `${urls.simulator}/simulator/payments`, { orderId, amount });
  return { orderId, amount, paymentKey: window.data.paymentKey as string };
}

/** The request that is cut off: its answer never comes, and that is no error here. */
type Send = (system: ChaosSystem, order: Order) => Promise<unknown>;

const confirm: Send = ({ urls }, { orderId, amount, paymentKey }) =>
  ask('POST', `${urls.api}/api/payments/confirm`, { orderId, amount, paymentKey }, HELD).catch(
    () => undefined,
  );

const cancel: Send = ({ urls, config }, { orderId }) =>
  ask(
    'POST',
    `${urls.api}/api/payments/${orderId}/cancel`,
    { cancelReason: 'chaos' },
    { headers: { authorization: `Bearer ${config.adminKey}`, 'idempotency-key': randomUUID() }, ...HELD },
  ).catch(() => undefined);

interface Verb {
  name: string;
  send: Send;
  operation: string;
  /** An order that is ready for it. */
  prepare: (system: ChaosSystem) => Promise<Order>;
}

const VERBS: readonly Verb[] = [
  { name: 'confirm', send: confirm, operation: 'confirm', prepare: authenticatedOrder },
  {
    name: 'cancel',
    send: cancel,
    operation: 'cancel',
    async prepare(system) {
      const order = await authenticatedOrder(system);
      await confirm(system, order);
      return order;
    },
  },
];

const faultsUrl = ({ urls }: ChaosSystem): string => `${urls.simulator}/simulator/faults`;

async function isHeld(system: ChaosSystem, orderId: string): Promise<boolean> {
  const { data } = await ask('GET', faultsUrl(system));
  return (data.held as { orderId: string }[]).some((one) => one.orderId === orderId);
}

/** Holds the payment's row until `work` is done. */
export async function whileRowIsLocked<T>(
  system: ChaosSystem,
  sql: string,
  key: string | number,
  work: (root: Connection) => Promise<T>,
): Promise<T> {
  const locker = await system.asRoot();
  try {
    await locker.query('START TRANSACTION');
    await locker.query(sql, [key]);
    return await work(locker);
  } finally {
    await locker.query('ROLLBACK').catch(() => {});
    await locker.end().catch(() => {});
  }
}

const LOCK_PAYMENT = 'SELECT no FROM payment_events WHERE order_id = ? FOR UPDATE';

const beforeClaim = ({ name, send, prepare }: Verb): Fault => ({
  name: `API killed in ${name}, before the claim`,
  async run(system) {
    const order = await prepare(system);
    return whileRowIsLocked(system, LOCK_PAYMENT, order.orderId, async (root) => {
      void send(system, order);
      const isThere = await untilLockWait(root, 'payment_events');
      await system.signal('api', 'SIGKILL');
      return isThere ? hit('while it waited for the row') : missed('the row was never waited for');
    });
  },
});

/** `request`: claimed, and the PSP has not done it. `answer`: it has, and nobody was told. */
const whilePspHolds = ({ name, send, operation, prepare }: Verb, held: 'request' | 'answer'): Fault => ({
  name: `API killed in ${name}, ${held === 'request' ? 'claimed and not asked' : 'asked and not recorded'}`,
  async run(system) {
    const order = await prepare(system);
    const { orderId } = order;
    await ask('PUT', faultsUrl(system), { hold: held, times: 1, orderId, operations: [operation] });
    try {
      void send(system, order);
      const isThere = await until(() => isHeld(system, orderId));
      await system.signal('api', 'SIGKILL');
      return isThere ? hit(`while the PSP held the ${held}`) : missed('the PSP was never asked');
    } finally {
      await ask('POST', `${system.urls.simulator}/simulator/release`, {});
      await ask('PUT', faultsUrl(system), {});
    }
  },
});

const whileRecording = ({ name, send, operation, prepare }: Verb): Fault => ({
  name: `API killed in ${name}, recording`,
  async run(system) {
    const order = await prepare(system);
    const { orderId } = order;
    await ask('PUT', faultsUrl(system), { hold: 'answer', times: 1, orderId, operations: [operation] });
    void send(system, order);
    const isAsked = await until(() => isHeld(system, orderId));
    return whileRowIsLocked(system, LOCK_PAYMENT, orderId, async (root) => {
      await ask('POST', `${system.urls.simulator}/simulator/release`, {});
      await ask('PUT', faultsUrl(system), {});
      const isThere = isAsked && (await untilLockWait(root, 'payment_events'));
      await system.signal('api', 'SIGKILL');
      return isThere ? hit('while its record waited for the row') : missed('the record never waited');
    });
  },
});

/** Committed and not known: each process has its own way to MySQL. The wallet's offset is not committed then, either. */
const afterCommit = (target: 'api' | 'worker' | 'wallet'): Fault => ({
  name: `${target} killed, committed and not told so`,
  async run(system) {
    const held = await Promise.race([
      system.links.mysqlOf[target].holdCommit().then(() => true),
      sleep(WAIT_MS).then(() => false),
    ]);
    await system.signal(target, 'SIGKILL');
    system.links.mysqlOf[target].heal();
    return held ? hit('while its COMMIT’s answer was held') : missed('no COMMIT came');
  },
});

const inSettlement: Fault = {
  name: 'wallet killed in settle, in the middle of a batch',
  run: (system) =>
    whileRowIsLocked(system, 'SELECT no FROM wallets WHERE seller_no = ? FOR UPDATE', 1, async (root) => {
      const isThere = await untilLockWait(root, 'wallets');
      await system.signal('wallet', 'SIGKILL');
      return isThere ? hit('while its batch waited for a wallet') : missed('no batch came');
    }),
};

const inAcknowledgement: Fault = {
  name: 'worker killed in acknowledge, in the middle of a batch',
  async run(system) {
    const order = await authenticatedOrder(system);
    await system.signal('wallet', 'SIGSTOP');
    try {
      await confirm(system, order);
      return await whileRowIsLocked(system, LOCK_PAYMENT, order.orderId, async (root) => {
        await system.signal('wallet', 'SIGCONT');
        const isThere = await untilLockWait(root, 'payment_events');
        await system.signal('worker', 'SIGKILL');
        return isThere ? hit('while it waited for the payment') : missed('no acknowledgement came');
      });
    } finally {
      await system.signal('wallet', 'SIGCONT');
    }
  },
};

/** Kills at every boundary between two steps of confirm, cancel, settle and acknowledge. */
export const STEP_KILLS: readonly Fault[] = [
  ...VERBS.flatMap((verb) => [
    beforeClaim(verb),
    whilePspHolds(verb, 'request'),
    whilePspHolds(verb, 'answer'),
    whileRecording(verb),
  ]),
  inSettlement,
  inAcknowledgement,
  afterCommit('api'),
  afterCommit('wallet'),
  afterCommit('worker'),
];
