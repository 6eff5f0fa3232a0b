import { until } from '#kit/until.fixture';
import { openPipeline, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

test('When the API is told to end while a confirm waits for the PSP, then the confirm is finished and answered', async () => {
  const { orderId, amount } = await river.order([1, 4]);
  const { paymentKey } = await river.psp('POST', '/simulator/payments', { orderId, amount });
  await river.psp('PUT', '/simulator/faults', { hold: 'answer', times: 1, orderId });
  const confirm = river.call('POST', '/api/payments/confirm', { paymentKey, orderId, amount });
  await until('the PSP holds its answer', async () => {
    const { held } = await river.psp('GET', '/simulator/faults');
    return held.length === 1;
  });

  const api = river.service('api');
  api.kill('SIGTERM');
  await until('nobody new is let in', async () => {
    const refused = await fetch(`${api.url}/health/live`, { headers: { connection: 'close' } }).then(
      () => false,
      () => true,
    );
    return refused;
  });
  await river.psp('POST', '/simulator/release', {});
  const { status, body } = await confirm;
  expect([status, body.data.status]).toEqual([200, 'SUCCESS']);
  expect(await api.ended).toBe('exit code 0');

  await river.start('api');
  await river.untilSettled([orderId]);
  await river.expectAudit();
});

test('When worker and wallet consumer are told to end in mid-stream, then they end well and the rest waits for them', async () => {
  const orderIds: string[] = [];
  for (let n = 0; n < 20; n += 1) orderIds.push(await river.buy([1, 4, 6]));
  for (const name of ['wallet', 'worker'] as const) {
    const service = river.service(name);
    service.kill('SIGTERM');
    expect([name, await service.ended]).toEqual([name, 'exit code 0']);
  }
  for (let n = 0; n < 5; n += 1) orderIds.push(await river.buy([2]));
  await river.start('wallet');
  await river.start('worker');
  await river.untilSettled(orderIds);
  await river.expectAudit();
});
