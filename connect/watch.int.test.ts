import { sleep } from '#kit/clock';
import { createLog } from '#kit/log';
import { apply } from './apply';
import { command, remove, restart } from './rest';
import { openTestConnector, type TestConnector } from './test-connector.fixture';
import { watchConnectors, type Watch, type WatchEvent } from './watch';

const log = createLog('connect', 'silent');
let own: TestConnector;
let watch: Watch;
const events: WatchEvent[] = [];
beforeAll(async () => {
  own = await openTestConnector();
  await apply(own.settings, { log });
  watch = watchConnectors(own.settings, (event) => events.push(event));
}, 60_000);
afterAll(async () => {
  await watch.stop();
  await own.close();
});

async function untilEvents(count: number): Promise<void> {
  for (let tries = 0; tries < 600 && events.length < count; tries += 1) await sleep(100);
  expect(events.length).toBeGreaterThanOrEqual(count);
}

test('When somebody has paused the connector, then it is left alone', async () => {
  await command(own.settings, own.name, 'pause');
  await sleep(4_000);
  expect(events).toEqual([]);
  await command(own.settings, own.name, 'resume');
}, 30_000);

test('When a task fails, then it is restarted, and each time later while it goes on failing', async () => {
  // No topic may have this name: Kafka refuses the record, and the task dies of it, each time.
  await own.database.administer(
    `INSERT INTO outbox (id, aggregate_type, aggregate_id, event_seq, event_type, idempotency_key, payload)
     VALUES ('event-1', 'not a topic', 'order-1', 1, 'x.Y', 'k', REPEAT('x', 20))`,
  );
  await untilEvents(2);
  expect(events.slice(0, 2)).toMatchObject([
    { name: own.name, event: 'failed', restartInMs: 2_000 },
    { name: own.name, event: 'failed', restartInMs: 4_000 },
  ]);
  expect((events[0] as { reason: string }).reason).toMatch(/Exception/);
}, 90_000);

test('When the connector is deleted, then nothing more is said of it', async () => {
  await restart(own.settings, own.name, true).catch(() => {});
  await remove(own.settings, own.name);
  await sleep(5_000);
  const before = events.length;
  await sleep(5_000);
  expect(events.length).toBe(before);
}, 30_000);
