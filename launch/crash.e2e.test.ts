import { apply } from '#connect/apply';
import { connectSettings } from '#connect/config';
import { createLog } from '#kit/log';
import { createConnection } from 'mariadb';
import { openPipeline, until, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
}, 90_000);
afterAll(() => river.close(), 60_000);

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
  await apply(connectSettings(), { log: createLog('connect', 'silent') });
  await river.untilSettled(orderIds, 90_000);
  const lines = await river.ops.walletTransaction.count({ where: { orderId: { in: orderIds } } });
  expect(lines).toBe(orderIds.length * 2);
  await river.expectAudit();
}, 180_000);

test('The consumer killed between its commit and its offset: the batch comes again and is credited once', async () => {
  // Killed as soon as its commit is seen, a few milliseconds before its offset could be: the batch comes again.
  const orderIds: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const made = await Promise.all([river.buy([1, 4]), river.buy([1, 6]), river.buy([4, 5])]);
    orderIds.push(...made);
    await until('the batch is committed', async () => {
      const settled = await river.ops.inbox.count({
        where: { consumer: 'wallet-service', aggregateId: { in: made } },
      });
      return settled > 0;
    });
    await river.killAndRestart('wallet');
  }
  await river.untilSettled(orderIds, 90_000);
  expect(await river.ops.walletTransaction.count({ where: { orderId: { in: orderIds } } })).toBe(
    orderIds.length * 2,
  );
  await river.expectAudit();
}, 180_000);

test('The consumer killed in the middle of its transaction: nothing is half-applied, and it is settled afterwards', async () => {
  const { port, rootUser: user, rootPassword: password, database } = river.stack.endpoints.mysql;
  const locker = await createConnection({ port, user, password, database, allowPublicKeyRetrieval: true });
  try {
    await locker.query('START TRANSACTION');
    await locker.query('SELECT * FROM wallets WHERE seller_no = 2 FOR UPDATE');
    const orderId = await river.buy([1, 4, 6]);
    // The transaction has begun when somebody waits for the lock.
    await until('the settlement waits for the wallet', async () => {
      const rows = await locker.query<unknown[]>('SELECT 1 FROM performance_schema.data_lock_waits');
      return rows.length > 0;
    });
    await river.killAndRestart('wallet').catch(() => undefined);
    expect(await river.ops.walletTransaction.count({ where: { orderId } })).toBe(0);
    await locker.query('ROLLBACK');
    await river.untilSettled([orderId], 90_000);
    expect(await river.ops.walletTransaction.count({ where: { orderId } })).toBe(3);
  } finally {
    await locker.end();
  }
  await river.expectAudit();
}, 180_000);

test('The API killed right after a confirm: the event is in the same commit, so it is settled all the same', async () => {
  const orderIds = await Promise.all([river.buy([1]), river.buy([4]), river.buy([6])]);
  await river.killAndRestart('api');
  await river.untilSettled(orderIds);
  await river.expectAudit();
}, 90_000);

test('The worker killed: acknowledgements wait and then arrive', async () => {
  river.service('worker').kill('SIGKILL');
  await river.service('worker').ended;
  const orderId = await river.buy([1, 4]);
  await until('settled', async () => (await river.ops.walletTransaction.count({ where: { orderId } })) === 2);
  await river.start('worker');
  await river.untilSettled([orderId]);
  await river.expectAudit();
}, 90_000);

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
  await until('purchases go on', async () => answered.length > before + 5, 60_000);
  isBuying = false;
  await Promise.all(shoppers);
  await apply(connectSettings(), { log: createLog('connect', 'silent'), timeoutMs: 90_000 });
  await river.untilSettled(answered, 90_000);
  expect(await river.ops.walletTransaction.count({ where: { orderId: { in: answered } } })).toBe(
    answered.length * 3,
  );
  await river.expectAudit();
}, 240_000);
