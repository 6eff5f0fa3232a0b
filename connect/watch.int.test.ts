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

const failures = (): WatchEvent[] => events.filter(({ event }) => event === 'failed');

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
  for (let tries = 0; tries < 800 && failures().length < 2; tries += 1) await sleep(100);
  expect(failures().slice(0, 2)).toMatchObject([
    { name: own.name, event: 'failed', restartInMs: 2_000 },
    { name: own.name, event: 'failed', restartInMs: 4_000 },
  ]);
  expect((events[0] as { reason: string }).reason).toMatch(/Exception/);
}, 120_000);

test('When the connector is deleted, then nothing more is said of it', async () => {
  await restart(own.settings, own.name, true).catch(() => {});
  await remove(own.settings, own.name);
  await sleep(5_000);
  const before = events.length;
  await sleep(5_000);
  expect(events.length).toBe(before);
}, 30_000);
