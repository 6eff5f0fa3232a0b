import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER, TOPICS } from '#contracts/topics';
import { ConfigError } from '#kit/config';
import { removeTempFolders, tempFolder } from '#kit/temp-folder.fixture';
import { failureOf, isRunning } from './apply';
import { connectSettings } from './config';
import { differences, readDefinitions, type ConnectorDefinition } from './definition';

const definitions = readDefinitions(connectSettings({}).placeholders);
const connector = definitions.find(({ name }) => name === 'payment-eda-outbox') as ConnectorDefinition;
const { config } = connector;
const only = (pattern: RegExp): Record<string, string> =>
  Object.fromEntries(Object.entries(config).filter(([key]) => pattern.test(key)));

// Each of these stands for a way in which somebody's events were lost, doubled or stopped (see docs/pitfalls).
describe('the outbox connector', () => {
  it('is the only one', () => {
    expect(definitions.map(({ name }) => name)).toEqual(['payment-eda-outbox']);
  });

  it('places extra columns in headers only: one in the envelope would wrap the Avro frame', () => {
    const placements = (config['transforms.outbox.table.fields.additional.placement'] ?? '').split(',');
    expect(placements.map((placement) => placement.split(':').slice(1))).toEqual([
      ['header', HEADER.eventType],
      ['header', HEADER.aggregateSeq],
      ['header', HEADER.traceparent],
      ['header', HEADER.redriveOf],
    ]);
  });

  it('passes bytes through, and gives heartbeats a converter whose options have the prefix that is read', () => {
    expect(only(/^(key|value)\.converter/)).toEqual({
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'io.debezium.converters.BinaryDataConverter',
      'value.converter.delegate.converter.type': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter.delegate.converter.type.schemas.enable': 'false',
    });
  });

  it('routes only what comes from the outbox table', () => {
    expect(config['transforms.outbox.predicate']).toBe('isOutbox');
    expect(config['predicates']).toBe('isOutbox');
    const pattern = new RegExp(`^${config['predicates.isOutbox.pattern']}$`);
    const topic = `${config['topic.prefix']}.${config['table.include.list']}`;
    expect(topic).toMatch(pattern);
    for (const other of [
      `__debezium-heartbeat.${config['topic.prefix']}`,
      topic.replace('outbox', 'inbox'),
      topic.replaceAll('.', 'x'),
      `${topic}_old`,
      'payment',
    ]) {
      expect(other).not.toMatch(pattern);
    }
  });

  it('routes by the aggregate’s type to a topic of that name, keyed by the order, identified by the event id', () => {
    expect(config['transforms.outbox.route.by.field']).toBe('aggregate_type');
    expect(config['transforms.outbox.route.topic.replacement']).toBe('${routedByValue}');
    expect(only(/table\.field\.event/)).toEqual({
      'transforms.outbox.table.field.event.id': 'id',
      'transforms.outbox.table.field.event.key': 'aggregate_id',
      'transforms.outbox.table.field.event.payload': 'payload',
    });
    expect(Object.keys(TOPICS)).toContain('payment');
  });

  it('takes inserts only: a purge or a correction of rows publishes nothing', () => {
    expect(config['skipped.operations']?.split(',').sort()).toEqual(['d', 't', 'u']);
    expect(config['tombstones.on.delete']).toBe('false');
    expect(config['include.schema.changes']).toBe('false');
  });

  it('drops no row over an error, and records come exactly once', () => {
    expect(config['errors.tolerance']).toBe('none');
    expect(config['exactly.once.support']).toBe('required');
    expect(config['transaction.boundary']).toBe('poll');
    expect(config['tasks.max']).toBe('1');
  });

  it('reads rows again after a purged binlog instead of losing or staying failed', () => {
    expect(config['snapshot.mode']).toBe('when_needed');
  });

  it('keeps its position moving on quiet days', () => {
    expect(Number(config['heartbeat.interval.ms'])).toBeGreaterThan(0);
    expect(config['heartbeat.action.query']).toMatch(/^INSERT INTO payment_eda\.cdc_heartbeat /);
  });

  it('compresses so that kafkajs can read it, and drops Debezium’s own headers', () => {
    expect(['none', 'gzip']).toContain(config['producer.override.compression.type']);
    expect(config['transforms']).toBe('outbox,dropContext');
    expect(config['transforms.dropContext.headers']?.split(',')).toEqual(
      ['connectorLogicalName', 'connectorName', 'runId', 'taskId'].map(
        (name) => `__debezium.context.${name}`,
      ),
    );
  });

  it('holds no secret: the worker resolves user and password', () => {
    expect(config['database.user']).toBe('${env:CDC_DATABASE_USER}');
    expect(config['database.password']).toBe('${env:CDC_DATABASE_PASSWORD}');
    expect(JSON.stringify(config)).not.toMatch(/\{\{/);
  });

  it('runs on a worker that can do it', () => {
    const worker = readFileSync(join(__dirname, 'worker.properties'), 'utf8');
    expect(worker).toMatch(/^exactly\.once\.source\.support=enabled$/m);
    expect(worker).toMatch(/^config\.providers=env$/m);
    expect(worker).toMatch(/^scheduled\.rebalance\.max\.delay\.ms=0$/m);
    const [, allowed = ''] = /allowlist\.pattern=(.*)/.exec(worker) ?? [];
    expect('CDC_DATABASE_PASSWORD').toMatch(new RegExp(`^(${allowed})$`));
    for (const other of ['HOME', 'TOSS_SECRET_KEY', 'ADMIN_API_KEYS']) {
      expect(other).not.toMatch(new RegExp(`^(${allowed})$`));
    }
  });
});

describe('readDefinitions', () => {
  afterEach(removeTempFolders);
  const folder = (files: Record<string, unknown>): string => {
    const dir = tempFolder('connectors');
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(dir, name), JSON.stringify(content));
    return dir;
  };

  it('When a placeholder has no value, then file and placeholder are named', () => {
    const dir = folder({ 'a.json': { name: 'a', config: { x: 'http://{{HOST}}:{{PORT}}' } } });
    expect(() => readDefinitions({ HOST: 'h' }, dir)).toThrow('a.json: nothing stands for {{PORT}}');
    expect(readDefinitions({ HOST: 'h', PORT: '1' }, dir)).toEqual([
      { name: 'a', config: { x: 'http://h:1' } },
    ]);
  });

  it('When a value holds what replacement would read as a pattern, then it stands as it is', () => {
    const dir = folder({ 'a.json': { name: 'a', config: { x: '{{P}} ${env:Q}' } }, 'note.txt': {} });
    expect(readDefinitions({ P: "$& $1 $'" }, dir)).toEqual([
      { name: 'a', config: { x: "$& $1 $' ${env:Q}" } },
    ]);
  });
});

describe('connectSettings', () => {
  it('When the places are named, then they stand in the connector, as Kafka Connect sees them', () => {
    const settings = connectSettings({
      CONNECT_URL: 'https://connect.example/',
      CDC_DATABASE_HOST: 'db',
      CDC_DATABASE_PORT: '3307',
      CDC_DATABASE_SSL_MODE: 'verify_ca',
      KAFKA_BROKERS: 'a:1,b:2',
      CONNECT_KAFKA_BROKERS: 'inner:9',
      KAFKA_REPLICATION_FACTOR: '3',
    });
    expect(settings.url).toBe('https://connect.example');
    const [found] = readDefinitions(settings.placeholders);
    expect(found?.config).toMatchObject({
      'database.hostname': 'db',
      'database.port': '3307',
      'database.ssl.mode': 'verify_ca',
      'schema.history.internal.kafka.bootstrap.servers': 'inner:9',
      'topic.creation.default.replication.factor': '3',
    });
  });

  it('When variables are bad, then all of them are named', () => {
    const read = () =>
      connectSettings({ CONNECT_URL: 'nonsense', CDC_DATABASE_PORT: '99999', KAFKA_SSL: 'maybe' });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/CDC_DATABASE_PORT/);
    expect(read).toThrow(/CONNECT_URL/);
    expect(read).toThrow(/KAFKA_SSL/);
  });
});

describe('differences', () => {
  const desired = { name: 'a', config: { same: '1', changed: 'new', missing: 'x' } };

  it('When Connect has something else, then each key says what is and what should be', () => {
    expect(differences(desired, { name: 'a', same: '1', changed: 'old', extra: 'y' })).toEqual([
      { key: 'changed', actual: 'old', desired: 'new' },
      { key: 'extra', actual: 'y', desired: undefined },
      { key: 'missing', actual: undefined, desired: 'x' },
    ]);
  });

  it('When Connect adds the connector’s name, then that is no difference', () => {
    expect(differences(desired, { ...desired.config, name: 'a' })).toEqual([]);
  });
});

describe('isRunning and failureOf', () => {
  const status = (connectorState: string, ...tasks: [state: string, trace?: string][]) => ({
    name: 'a',
    connector: { state: connectorState },
    tasks: tasks.map(([state, trace], id) => ({ id, state, ...(trace === undefined ? {} : { trace }) })),
  });

  it.each([
    [true, status('RUNNING', ['RUNNING'])],
    [false, status('RUNNING')],
    [false, status('RUNNING', ['RUNNING'], ['FAILED'])],
    [false, status('RUNNING', ['UNASSIGNED'])],
    [false, status('PAUSED', ['RUNNING'])],
    [false, undefined],
  ])('%p: %j', (expected, of) => {
    expect(isRunning(of)).toBe(expected);
  });

  it('When a task has failed, then the innermost cause is said', () => {
    const trace =
      'org.X: Tolerance exceeded\n\tat a\nCaused by: b: middle\n\tat c\nCaused by: d: the reason\n\tat e\n';
    expect(failureOf(status('RUNNING', ['FAILED', trace]))).toBe('Caused by: d: the reason');
    expect(failureOf(status('RUNNING', ['FAILED', 'org.X: alone\n\tat a']))).toBe('org.X: alone');
    expect(failureOf(status('RUNNING', ['FAILED']))).toBe('failed without a trace');
    expect(failureOf(status('RUNNING', ['RUNNING']))).toBe('');
  });
});
