import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readStackSettings } from '#stack/config';
import { findByEnvironment } from '#stack/process';
import { stackDown, stackStatus } from '#stack/stack';
import { freePorts } from '#stack/ports';
import { projectFolder } from '#stack/project';
import { until } from '#kit/until.fixture';
import { environmentWith } from './e2e.config';
import { isReady } from './services';

interface Command {
  child: ChildProcess;
  screen: () => string;
  ended: Promise<number | null>;
}

/** Variables of a system of its own, beside the one that the other tests use. */
async function ownEnvironment(stackDir: string): Promise<Record<string, string>> {
  const names = [
    'MYSQL_PORT',
    'KAFKA_PORT',
    'REGISTRY_PORT',
    'CONNECT_PORT',
    'PAYMENT_API_PORT',
    'WALLET_PORT',
    'WORKER_PORT',
    'PSP_SIMULATOR_PORT',
  ];
  const ports = await freePorts(names.length);
  return {
    STACK_DIR: stackDir,
    ...Object.fromEntries(names.map((name, index) => [name, String(ports[index])])),
  };
}

function run(command: string, env: Record<string, string>): Command {
  const child = spawn(process.execPath, [join(projectFolder(), 'launch', 'run.mjs'), command], {
    cwd: projectFolder(),
    env: environmentWith(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return {
    child,
    screen: () => text,
    ended: new Promise((resolve) => {
      child.once('exit', resolve);
    }),
  };
}

let stackDir: string;
beforeEach(() => {
  stackDir = mkdtempSync(join(tmpdir(), 'start-'));
  rmSync(stackDir, { recursive: true });
});
afterEach(() => rmSync(stackDir, { recursive: true, force: true }));

/** Our processes carry this test's folder in their environment. */
const ours = () => findByEnvironment('STACK_DIR', stackDir);

/** Processes of this test's system that still run: ours, and the servers. */
async function leftOver(env: Record<string, string>): Promise<number> {
  const servers = await stackStatus(readStackSettings(environmentWith(env)));
  return ours().length + servers.filter(({ state }) => state !== 'stopped').length;
}

test('npm start buys once, starts again what dies, and Ctrl-C leaves no process', async () => {
  const env = await ownEnvironment(stackDir);
  const { child, screen, ended } = run('start', env);
  try {
    await until('the addresses are printed', () => screen().includes('Ctrl-C stops everything'));
    expect(screen()).toMatch(/settlement acknowledged/);
    expect(screen()).toMatch(/sellers credited \d+ ms after the confirm's answer/);
    const apiUrl = `http://127.0.0.1:${env['PAYMENT_API_PORT']}`;
    expect(screen()).toContain(`${apiUrl}/docs and http://127.0.0.1:${env['WALLET_PORT']}/docs`);
    const api = ours().find(({ pid }) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('server.main.js'),
    );
    if (api === undefined) throw new Error('the payment API is not running');
    expect(await isReady(apiUrl)).toBe(true);
    process.kill(api.pid, 'SIGKILL');
    await until('the death is said', async () => /died \(.*starting again in 1 s/.test(screen()));
    await until('it runs again', async () => screen().includes('runs again'));
  } finally {
    child.kill('SIGINT');
    await ended;
  }
  expect(await ended).toBe(0);
  expect(screen()).toContain('stopped');
  await until('nothing is left', async () => (await leftOver(env)) === 0);
});

test('When a port is taken by another program, then npm start says which and how to move, and starts nothing', async () => {
  const env = await ownEnvironment(stackDir);
  const holder = createServer();
  await new Promise<void>((resolve) => {
    holder.listen(Number(env['PAYMENT_API_PORT']), '127.0.0.1', resolve);
  });
  try {
    const { screen, ended } = run('start', env);
    expect(await ended).toBe(1);
    expect(screen()).toContain(`port ${env['PAYMENT_API_PORT']} is in use by another program`);
    expect(screen()).toContain('set PAYMENT_API_PORT');
    expect(ours()).toEqual([]);
  } finally {
    holder.close();
  }
});

test('When npm start itself is killed, then our processes end too, and the next start works', async () => {
  const env = await ownEnvironment(stackDir);
  const settings = readStackSettings(environmentWith(env));
  const first = run('start', env);
  try {
    await until('it runs', async () => first.screen().includes('Ctrl-C stops everything'));
    first.child.kill('SIGKILL');
    await first.ended;
    const apiUrl = `http://127.0.0.1:${env['PAYMENT_API_PORT']}`;
    await until('the API has ended', async () => !(await isReady(apiUrl)));
    const second = run('demo', env);
    expect(await second.ended).toBe(0);
    expect(second.screen()).toContain('audit holds');
  } finally {
    first.child.kill('SIGKILL');
    await first.ended;
    await stackDown(settings);
  }
  expect(await leftOver(env)).toBe(0);
});
