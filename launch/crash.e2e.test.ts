import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apply } from '#connect/apply';
import { connectSettings } from '#connect/config';
import { createLog } from '#kit/log';
import { PATIENCE_MS, until } from '#kit/until.fixture';
import { Kafka, logLevel } from 'kafkajs';
import { createConnection, type Connection } from 'mariadb';
import { openPipeline, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

function asRoot(): Promise<Connection> {
  const { port, rootUser: user, rootPassword: password, database } = river.stack.endpoints.mysql;
  return createConnection({ port, user, password, database, allowPublicKeyRetrieval: true });
}

/** A settlement's transaction is in its middle when it waits for the lock that the test holds. */
function untilLockWait(locker: Connection): Promise<void> {
  return until('the settlement waits for the wallet', async () => {
    const rows = await locker.query<unknown[]>('SELECT 1 FROM performance_schema.data_lock_waits');
    return rows.length > 0;
  });
}

/** Why it does not come back is not in its answers. */
function withLastWordsOfConnect(cause: unknown): never {
  const log = readFileSync(join(river.config.stack.stackDir, 'logs', 'connect.log'), 'utf8');
  throw new Error(`${String(cause)}\n${log.split('\n').slice(-60).join('\n')}`, { cause });
}

test('Kafka Connect killed with SIGKILL in mid-stream and started again: nothing lost, nothing twice', async () => {
  const orderIds: string[] = [];
  let isBuying = true;
  const shoppers = Array.from({ length: 4 }, async (_, index) => {
    while (isBuying) orderIds.push(await river.buy(index % 2 === 0 ? [1, 4] : [6, 2]));
  });
  await until('some purchases', async () => orderIds.length > 10);
  await river.stack.kill('connect');
  const atDeath = orderIds.length;
  await until('purchases go on without Connect', async () => orderIds.length > atDeath + 10);
  await river.stack.restart('connect');
  await until('purchases after it', async () => orderIds.length > atDeath + 20);
  isBuying = false;
  await Promise.all(shoppers);
  await apply(connectSettings(), { log: createLog('connect', 'silent'), timeoutMs: PATIENCE_MS }).catch(
    withLastWordsOfConnect,
  );
  await river.untilSettled(orderIds);
  const lines = await river.ops.walletTransaction.count({ where: { orderId: { in: orderIds } } });
  expect(lines).toBe(orderIds.length * 2);
  await river.expectAudit();
});

/** What the wallet's group has committed on a partition of `payment`. */
async function committedOffset(partition: number): Promise<bigint> {
  const kafka = new Kafka({ brokers: river.stack.endpoints.kafkaBrokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [topic] = await admin.fetchOffsets({ groupId: 'wallet-service', topics: ['payment'] });
    return BigInt(topic?.partitions.find((found) => found.partition === partition)?.offset ?? -1);
  } finally {
    await admin.disconnect();
  }
}

test('The consumer killed between its commit and its offset: the batch comes again and is credited once', async () => {
  const locker = await asRoot();
  try {
    await locker.query('START TRANSACTION');
    await locker.query('SELECT * FROM wallets WHERE seller_no = 2 FOR UPDATE');
    const orderId = await river.buy([1, 4, 6]);
    await untilLockWait(locker);
    // Without a broker the settlement commits, and its offset cannot.
    await river.stack.kill('kafka');
    await locker.query('ROLLBACK');
    await until('the settlement is committed', async () => {
      return (await river.ops.walletTransaction.count({ where: { orderId } })) === 3;
    });
    const wallet = river.service('wallet');
    wallet.kill('SIGKILL');
    await wallet.ended;
    await river.stack.restart('kafka');
    const settled = await river.ops.inbox.findFirstOrThrow({
      where: { consumer: 'wallet-service', aggregateId: orderId },
    });
    const offset = await committedOffset(settled.partition);
    expect(offset).toBeLessThanOrEqual(settled.offset);
    await river.start('wallet');
    await river.untilSettled([orderId]);
    await until(
      'the batch has come again',
      async () => (await committedOffset(settled.partition)) > settled.offset,
    );
    expect(await river.ops.walletTransaction.count({ where: { orderId } })).toBe(3);
  } finally {
    await locker.end();
  }
  await river.expectAudit();
});

test('The consumer killed in the middle of its transaction: nothing is half-applied, and it is settled afterwards', async () => {
  const locker = await asRoot();
  try {
    await locker.query('START TRANSACTION');
    await locker.query('SELECT * FROM wallets WHERE seller_no = 2 FOR UPDATE');
    const orderId = await river.buy([1, 4, 6]);
    await untilLockWait(locker);
    await river.killAndRestart('wallet').catch(() => undefined);
    expect(await river.ops.walletTransaction.count({ where: { orderId } })).toBe(0);
    await locker.query('ROLLBACK');
    await river.untilSettled([orderId]);
    expect(await river.ops.walletTransaction.count({ where: { orderId } })).toBe(3);
  } finally {
    await locker.end();
  }
  await river.expectAudit();
});

test('The API killed right after a confirm: the event is in the same commit, so it is settled all the same', async () => {
  const orderIds = await Promise.all([river.buy([1]), river.buy([4]), river.buy([6])]);
  await river.killAndRestart('api');
  await river.untilSettled(orderIds);
  await river.expectAudit();
});

test('The worker killed: acknowledgements wait and then arrive', async () => {
  river.service('worker').kill('SIGKILL');
  await river.service('worker').ended;
  const orderId = await river.buy([1, 4]);
  await until('settled', async () => (await river.ops.walletTransaction.count({ where: { orderId } })) === 2);
  await river.start('worker');
  await river.untilSettled([orderId]);
  await river.expectAudit();
});

test('MySQL killed with SIGKILL under load: what was answered is kept, nothing is doubled', async () => {
  const answered: string[] = [];
  let isBuying = true;
  const shoppers = Array.from({ length: 4 }, async () => {
    while (isBuying) {
      await river.buy([1, 4, 6]).then(
        (orderId) => answered.push(orderId),
        () => new Promise((resolve) => setTimeout(resolve, 100)),
      );
    }
  });
  await until('some purchases', async () => answered.length > 10);
  await river.stack.kill('mysql');
  await river.stack.restart('mysql');
  const before = answered.length;
  await until('purchases go on', async () => answered.length > before + 5);
  isBuying = false;
  await Promise.all(shoppers);
  await apply(connectSettings(), { log: createLog('connect', 'silent'), timeoutMs: PATIENCE_MS });
  await river.untilSettled(answered);
  expect(await river.ops.walletTransaction.count({ where: { orderId: { in: answered } } })).toBe(
    answered.length * 3,
  );
  await river.expectAudit();
});
