import { sleep } from '#kit/clock';
import { createLog } from '#kit/log';
import { PATIENCE_MS, until } from '#kit/until.fixture';
import { apply } from './apply';
import { command, getStatus, remove, restart } from './rest';
import { openTestConnector, type TestConnector } from './test-connector.fixture';
import { watchConnectors, type Watch, type WatchEvent } from './watch';

const log = createLog('connect', 'silent');
let own: TestConnector;
let watch: Watch;
const events: WatchEvent[] = [];
beforeAll(async () => {
  own = await openTestConnector();
  await apply(own.settings, { log, timeoutMs: PATIENCE_MS });
  watch = watchConnectors(own.settings, (event) => events.push(event));
});
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
});

test('When a task fails, then it is restarted, and each time later while it goes on failing', async () => {
  // No topic may have this name: Kafka refuses the record, and the task dies of it, each time.
  await own.database.administer(
    `INSERT INTO outbox (id, aggregate_type, aggregate_id, event_seq, event_type, idempotency_key, payload)
     VALUES ('event-1', 'not a topic', 'order-1', 1, 'x.Y', 'k', REPEAT('x', 20))`,
  );
  await until('it has failed twice', () => failures().length >= 2);
  expect(failures().slice(0, 2)).toMatchObject([
    { name: own.name, event: 'failed', restartInMs: 2_000 },
    { name: own.name, event: 'failed', restartInMs: 4_000 },
  ]);
  expect((events[0] as { reason: string }).reason).toMatch(/Exception/);
});

test('When the connector is deleted, then nothing more is said of it', async () => {
  await restart(own.settings, own.name, true).catch(() => {});
  await remove(own.settings, own.name);
  await until('it is gone', async () => (await getStatus(own.settings, own.name)) === undefined);
  // A look that was under way has ended by then.
  await sleep(5_000);
  const before = events.length;
  await sleep(5_000);
  expect(events.length).toBe(before);
});
