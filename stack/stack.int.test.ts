import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { createConnection } from 'mariadb';
import { removeTempFolders, tempFolder } from '#kit/temp-folder.fixture';
import { createTopics } from '#kit/topics.fixture';
import { until } from '#kit/until.fixture';
import { SERVER_NAMES, readStackSettings, type ServerName, type StackSettings } from './config';
import { distributionAt, ensureDistribution, isWhole } from './distribution';
import { StackInterrupted } from './errors';
import { StackFolder } from './folder';
import { freePorts, isPortFree } from './ports';
import { identify, isAlive } from './process';
import type { RunningStack } from './running';
import { ownProcesses } from './server';
import { stackDown, stackReset, stackStatus, stackUp } from './stack';
import type { SupervisorEvent } from './supervisor';

const temp = (): string => tempFolder('stack-int');

// A data folder of MySQL takes 200 MB.
afterAll(removeTempFolders);

async function newSettings(): Promise<StackSettings> {
  const [mysql = 0, kafka = 0, registry = 0, connect = 0] = await freePorts(4);
  const ports = { mysql, kafka, registry, connect };
  return { ...readStackSettings(), stackDir: join(temp(), 'a folder with blanks'), ports };
}

const running = (settings: StackSettings): ServerName[] =>
  SERVER_NAMES.filter((name) => ownProcesses(new StackFolder(settings.stackDir), name).length > 0);

const pids = (stack: RunningStack) => SERVER_NAMES.map((name) => stack.pidOf(name));

async function query(stack: RunningStack, sql: string): Promise<unknown> {
  const { host, port, rootUser, rootPassword, database } = stack.endpoints.mysql;
  const account = { host, port, user: rootUser, password: rootPassword, database };
  const connection = await createConnection({ ...account, allowPublicKeyRetrieval: true });
  try {
    return await connection.query(sql);
  } finally {
    await connection.end();
  }
}

const kafkaOf = (stack: RunningStack) =>
  new Kafka({ clientId: 'test', brokers: stack.endpoints.kafkaBrokers, logLevel: logLevel.NOTHING });

async function registerSchema(stack: RunningStack, subject: string): Promise<number> {
  const response = await fetch(`${stack.endpoints.registryUrl}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ schema: JSON.stringify({ type: 'record', name: subject, fields: [] }) }),
  });
  const answer: unknown = await response.json();
  if (typeof answer !== 'object' || answer === null || !('id' in answer))
    throw new Error(JSON.stringify(answer));
  return Number(answer.id);
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1', () => resolve(server));
  });
}

describe('the servers', () => {
  let settings: StackSettings;
  let stack: RunningStack;

  beforeAll(async () => {
    settings = await newSettings();
    stack = await stackUp(settings);
  });

  afterAll(async () => {
    await stack?.down({ all: true });
  });

  it('When they are up, then all are healthy, with the settings that correctness needs', async () => {
    const statuses = await stackStatus(settings);
    expect(statuses.map(({ name, state, port }) => ({ name, state, port }))).toEqual(
      SERVER_NAMES.map((name) => ({ name, state: 'healthy', port: settings.ports[name] })),
    );
    expect(stack.startedByUs).toEqual([...SERVER_NAMES]);
    const sql = `SELECT @@log_bin log_bin, @@binlog_format format, @@binlog_row_image image, @@gtid_mode gtid,
      @@sync_binlog sync, @@innodb_flush_log_at_trx_commit flush, @@event_scheduler events,
      @@binlog_expire_logs_seconds expire, @@log_bin_trust_function_creators trust, @@time_zone zone,
      @@character_set_server charset`;
    expect(await query(stack, sql)).toEqual([
      {
        log_bin: 1n,
        format: 'ROW',
        image: 'FULL',
        gtid: 'ON',
        sync: 1n,
        flush: 1n,
        events: 'ON',
        expire: 604_800n,
        trust: 1n,
        zone: '+00:00',
        charset: 'utf8mb4',
      },
    ]);
    const plugins = await (await fetch(`${stack.endpoints.connectUrl}/connector-plugins`)).text();
    expect(plugins).toContain('io.debezium.connector.mysql.MySqlConnector');
  });

  it('When up is repeated, then the same processes go on', async () => {
    const before = pids(stack);
    const again = await stackUp(settings);
    expect(pids(again)).toEqual(before);
    expect(again.startedByUs).toEqual([]);
    // What another call started is not this one's to stop.
    await again.down();
    expect(pids(stack)).toEqual(before);
  });

  it('When servers are killed right after they answered, then up repairs and nothing is lost', async () => {
    const connectPid = stack.pidOf('connect');
    const producer = kafkaOf(stack).producer({ allowAutoTopicCreation: false });
    const admin = kafkaOf(stack).admin();
    await admin.connect();
    await createTopics(admin, [{ topic: 'kept', numPartitions: 1 }]);
    await producer.connect();
    await query(stack, 'CREATE TABLE kept (id INT PRIMARY KEY)');

    await query(stack, 'INSERT INTO kept VALUES (7)');
    await stack.kill('mysql');
    const schemaId = await registerSchema(stack, 'Kept');
    await stack.kill('registry');
    await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'x' }] });
    await stack.kill('kafka');
    await Promise.all([producer.disconnect(), admin.disconnect()]);

    const repaired = await stackUp(settings);
    expect(repaired.startedByUs).toEqual(expect.arrayContaining(['mysql', 'kafka', 'registry']));
    expect(repaired.pidOf('connect')).toBe(connectPid);
    expect(await query(repaired, 'SELECT id FROM kept')).toEqual([{ id: 7 }]);
    // Looked up, not registered again: that would hand out the same number even from an empty registry.
    const kept = await fetch(`${repaired.endpoints.registryUrl}/subjects/Kept/versions/latest`);
    expect(await kept.json()).toMatchObject({ subject: 'Kept', version: 1, id: schemaId });
    const offsets = kafkaOf(repaired).admin();
    await offsets.connect();
    expect(await offsets.fetchTopicOffsets('kept')).toEqual([expect.objectContaining({ high: '1' })]);
    await offsets.disconnect();
  });

  it('When a supervised server is killed, then it comes back, unless it was stopped on purpose', async () => {
    const events: SupervisorEvent[] = [];
    stack.supervise((event) => events.push(event));
    const before = stack.pidOf('registry');
    await stack.kill('registry');
    await until('it is started again', () => events.some(({ event }) => event === 'started'));
    expect(await stack.healthy('registry')).toBe(true);
    expect(stack.pidOf('registry')).not.toBe(before);

    await stackDown(settings, { servers: ['registry'] });
    await until('it is released', () => events.some(({ event }) => event === 'released'));
    expect(events.map(({ name, event }) => `${name} ${event}`)).toEqual([
      'registry died',
      'registry started',
      'registry died',
      'registry released',
    ]);
    expect(running(settings)).toEqual(['mysql', 'kafka', 'connect']);
    await stack.unsupervise();
  });

  it('When a record was lost, then down still finds its process and leaves nothing', async () => {
    rmSync(join(settings.stackDir, 'run', 'kafka.json'));
    expect(running(settings)).toContain('kafka');
    await stackDown(settings);
    expect(running(settings)).toEqual([]);
    expect(readdirSync(join(settings.stackDir, 'run'))).toEqual([]);
    expect(await Promise.all(Object.values(settings.ports).map(isPortFree))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it('When it is reset, then the data are gone and the cache is not', async () => {
    expect(existsSync(join(settings.stackDir, 'data', 'mysql'))).toBe(true);
    await stackReset(settings);
    expect(readdirSync(settings.stackDir)).toEqual([]);
    expect(isWhole(distributionAt(settings).folder)).toBe(true);
  });
});

describe('what can be in the way', () => {
  it('When a port is taken, then its holder and the variable are named and nothing starts', async () => {
    const settings = await newSettings();
    const foreign = await listen(settings.ports.kafka);
    const events: string[] = [];
    await expect(stackUp(settings, { report: ({ phase }) => events.push(phase) })).rejects.toThrow(
      new RegExp(`port ${settings.ports.kafka} is in use by .*pid ${process.pid}.*KAFKA_PORT`),
    );
    expect(events).toEqual([]);
    await new Promise((resolve) => foreign.close(resolve));
  });

  it('When a recorded pid belongs to another program now, then that program is left alone', async () => {
    const settings = await newSettings();
    const stranger = spawn('sleep', ['3600'], { detached: true });
    const identity = identify(stranger.pid ?? 0);
    if (identity === undefined) throw new Error('sleep did not start');
    const folder = new StackFolder(settings.stackDir);
    folder.create();
    folder.writeRecord({
      ...identity,
      startTicks: '1',
      name: 'registry',
      port: settings.ports.registry,
      fingerprint: '',
      startedAt: new Date().toISOString(),
      stopping: false,
    });
    await stackDown(settings);
    expect(folder.record('registry')).toBeUndefined();
    expect(isAlive(identity)).toBe(true);
    stranger.kill('SIGKILL');
  });

  it('When there is no Java, then the package to install is named and nothing is started', async () => {
    const settings = { ...(await newSettings()), javaHome: undefined, environment: { PATH: temp() } };
    await expect(stackUp(settings)).rejects.toThrow(/Java is missing: install .*openjdk-17/);
    expect(running(settings)).toEqual([]);
  });

  it('When a server ends while it starts, then its log is shown and the others are stopped', async () => {
    const settings = await newSettings();
    const data = new StackFolder(settings.stackDir);
    data.create();
    mkdirSync(data.data('mysql'));
    await expect(stackUp(settings, { servers: ['mysql', 'registry'] })).rejects.toThrow(
      /MySQL ended[^]*\[ERROR\]/,
    );
    expect(running(settings)).toEqual([]);
  });

  it('When the cache is half there, then exactly one of two callers fetches it anew', async () => {
    const settings = { ...readStackSettings(), cacheDir: temp() };
    const { folder, registryJar } = distributionAt(settings);
    mkdirSync(join(folder, 'kafka'), { recursive: true });
    writeFileSync(join(folder, 'kafka', 'half.jar'), 'x');
    mkdirSync(`${folder}.part`);
    const said: string[] = [];
    const options = { say: (text: string) => said.push(text) };
    await Promise.all([ensureDistribution(settings, options), ensureDistribution(settings, options)]);
    expect(said.filter((text) => text.startsWith('fetched'))).toHaveLength(1);
    expect(isWhole(folder)).toBe(true);
    expect(existsSync(join(folder, 'kafka', 'half.jar'))).toBe(false);
    expect(readdirSync(settings.cacheDir).filter((name) => name.includes('.part'))).toEqual([]);
    expect(statSync(registryJar).size).toBeGreaterThan(1000);
    rmSync(registryJar);
    expect(isWhole(folder)).toBe(false);
  });
});

/** Runs `npm run stack`'s command; sends SIGINT when `interruptAt` stands in its output. */
async function runCommand(
  settings: StackSettings,
  args: string[],
  interruptAt?: string,
): Promise<{ exitCode: number | null; output: string }> {
  const { mysql, kafka, registry, connect } = settings.ports;
  const command = spawn(process.execPath, ['launch/run.mjs', 'stack', ...args], {
    cwd: settings.projectDir,
    env: {
      ...settings.environment,
      STACK_DIR: settings.stackDir,
      MYSQL_PORT: String(mysql),
      KAFKA_PORT: String(kafka),
      REGISTRY_PORT: String(registry),
      CONNECT_PORT: String(connect),
    },
  });
  let output = '';
  let interrupted = false;
  const take = (chunk: Buffer): void => {
    output += chunk.toString();
    if (interrupted || interruptAt === undefined || !output.includes(interruptAt)) return;
    interrupted = true;
    command.kill('SIGINT');
  };
  command.stdout.on('data', take);
  command.stderr.on('data', take);
  const exitCode = await new Promise<number | null>((resolve) => command.once('close', resolve));
  return { exitCode, output };
}

describe('the command', () => {
  it('When Ctrl-C comes during up, then nothing is left, and the next commands work', async () => {
    const settings = await newSettings();
    const interrupted = await runCommand(settings, ['up', 'mysql', 'registry'], 'starting');
    expect(interrupted).toMatchObject({ exitCode: 130, output: expect.stringContaining('interrupted') });
    expect(running(settings)).toEqual([]);

    const up = await runCommand(settings, ['up', 'mysql']);
    expect(up).toMatchObject({ exitCode: 0, output: expect.stringMatching(/MySQL.+healthy.+\d+\.\d s/) });
    expect(running(settings)).toEqual(['mysql']);
    const status = await runCommand(settings, ['status', '--json']);
    expect(status.exitCode).toBe(1);
    expect(status.output).toContain('"name":"mysql","title":"MySQL","port":');
    expect(status.output).toContain('"state":"healthy"');

    expect(await runCommand(settings, ['reset'])).toMatchObject({ exitCode: 0 });
    expect(running(settings)).toEqual([]);
    expect(readdirSync(settings.stackDir)).toEqual([]);
    expect(await runCommand(settings, ['upp'])).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('say up, down, status or reset'),
    });
  });
});

describe('interruption', () => {
  it('When up is interrupted, whenever that is, then nothing is left and the next up works', async () => {
    const settings = await newSettings();
    for (const afterMs of [0, 200, 1500, 4000]) {
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), afterMs);
      await expect(
        stackUp(settings, { servers: ['mysql', 'kafka'], signal: controller.signal }),
      ).rejects.toBeInstanceOf(StackInterrupted);
      clearTimeout(timer);
      expect(running(settings)).toEqual([]);
    }
    const stack = await stackUp(settings, { servers: ['mysql'] });
    expect(await stack.healthy('mysql')).toBe(true);
    await stack.down();
    expect(running(settings)).toEqual([]);
  });
});
