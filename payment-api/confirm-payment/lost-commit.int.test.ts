import { sleep } from '#kit/clock';
import { openDatabase } from '#prisma/database';
import { openDatabaseProxy, type DatabaseProxy } from '#prisma/proxy.fixture';
import { startTestApi, type TestApi } from '../payment-api.fixture';

// The connection breaks after the database has committed, before it could say so.

let direct: TestApi;
let api: TestApi;
let proxy: DatabaseProxy;
beforeAll(async () => {
  direct = await startTestApi();
  const url = new URL(direct.database.url('paymentApi'));
  proxy = await openDatabaseProxy(Number(url.port));
  url.port = String(proxy.port);
  // The same database and the same simulator, by way of the proxy.
  api = await startTestApi({ db: openDatabase(url.href, 4), psp: direct.world.psp });
});
afterAll(async () => {
  await api.world.db.$disconnect();
  proxy.close();
  await api.close();
  await direct.close();
});
beforeEach(() => proxy.serve());

async function authenticated() {
  const { orderId, amount } = await direct.order([1, 4]);
  return { orderId, amount, paymentKey: await direct.authenticate(orderId, amount) };
}

test('When the claim’s COMMIT is not answered but happened, then the confirm goes on with it', async () => {
  const { orderId, amount, paymentKey } = await authenticated();
  proxy.cutCommits(1);
  const { status, body } = await api.confirm(paymentKey, orderId, amount);
  expect([status, body.data.status]).toEqual([200, 'SUCCESS']);
  expect(proxy.cuts()).toBe(1);
  expect(await direct.history(orderId)).toHaveLength(4);
  expect(await direct.confirmCalls(orderId)).toHaveLength(1);
  expect(await direct.events(orderId)).toHaveLength(1);
});

test('When nobody can tell whether the claim happened, then 202, and recovery pays the order', async () => {
  const { orderId, amount, paymentKey } = await authenticated();
  proxy.cutCommits(1, 'refuse');
  const { status, body } = await api.confirm(paymentKey, orderId, amount);
  expect([status, body.errorCode, body.data]).toEqual([202, 'PEC0007', { orderId }]);
  expect(await direct.payment(orderId)).toMatchObject({ status: 'EXECUTING' });
  expect(await direct.confirmCalls(orderId)).toEqual([]);
  await direct.recover();
  expect(await direct.payment(orderId)).toMatchObject({ status: 'SUCCESS', last_event_seq: 1 });
});

test('When the record’s COMMIT is not answered, then 202; the order is paid and published once', async () => {
  const { orderId, amount, paymentKey } = await authenticated();
  await direct.psp('PUT', '/simulator/faults', { hold: 'answer', times: 1, orderId });
  const confirm = api.confirm(paymentKey, orderId, amount);
  await direct.untilHeld(orderId);
  proxy.cutCommits(1);
  await direct.psp('POST', '/simulator/release', {});
  const { status } = await confirm;
  expect(status).toBe(202);
  expect(await direct.payment(orderId)).toMatchObject({ status: 'SUCCESS', is_payment_done: 1 });
  await direct.recover();
  expect(await direct.events(orderId)).toHaveLength(1);
  expect((await direct.confirm(paymentKey, orderId, amount)).status).toBe(200);
});

test('When the claim is still on its way, then it comes too late: what the shopper is told stays true', async () => {
  const { orderId, amount, paymentKey } = await authenticated();
  const lateMs = 700;
  proxy.delayCommit(lateMs);
  const { status, body } = await api.confirm(paymentKey, orderId, amount);
  expect([status, body.errorCode]).toEqual([503, 'PEC0014']);
  await sleep(2 * lateMs);
  expect(await direct.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', attempt: 0 });
  expect(await direct.confirmCalls(orderId)).toEqual([]);
  expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
});

test('When the connection breaks while the claim waits for the row, then it is stopped', async () => {
  const { orderId, amount, paymentKey } = await authenticated();
  const connection = await direct.database.connect({});
  await connection.beginTransaction();
  await connection.query('SELECT no FROM payment_events WHERE order_id = ? FOR UPDATE', [orderId]);
  const confirm = api.confirm(paymentKey, orderId, amount);
  await sleep(300);
  proxy.break();
  await sleep(300);
  await connection.rollback();
  const { status, body } = await confirm;
  await connection.end();
  expect([status, body.errorCode]).toEqual([503, 'PEC0014']);
  await sleep(500);
  expect(await direct.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', attempt: 0 });
});

test('When the COMMIT of a cancel’s request is not answered but happened, then the cancel goes on with it', async () => {
  const { orderId } = await direct.paid([1, 4]);
  proxy.cutCommits(1);
  const { status, body } = await api.cancel(orderId);
  expect([status, body.data?.status]).toEqual([200, 'CANCELED']);
  expect(await direct.cancels(orderId)).toHaveLength(1);
  expect(await direct.events(orderId)).toHaveLength(2);
});

test('When nobody can tell whether the cancel was requested, then 202, and recovery gives the money back', async () => {
  const { orderId } = await direct.paid([1, 4]);
  proxy.cutCommits(1, 'refuse');
  const { status, body } = await api.cancel(orderId);
  expect([status, body.errorCode]).toEqual([202, 'PEC0007']);
  expect(await direct.cancels(orderId)).toMatchObject([{ status: 'REQUESTED' }]);
  await direct.database.administer('UPDATE payment_cancels SET next_check_at = NOW(3) WHERE order_id = ?', [
    orderId,
  ]);
  await direct.recover();
  expect(await direct.payment(orderId)).toMatchObject({ status: 'CANCELED', last_event_seq: 2 });
});
