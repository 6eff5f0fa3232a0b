import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { ROOT_PASSWORD, ROOT_USER } from '#stack/config';
import { throwIfInterrupted } from '#stack/errors';
import { freePorts } from '#stack/ports';
import { projectFolder } from '#stack/project';
import { runTool } from '#stack/tool';
import { benchEnvironment } from './config';
import { processesOf, type ProcessUse } from './processes';

/** A fresh checkout installs, builds and may unpack the servers first. */
const UP_TIMEOUT_MS = 900_000;
const DOWN_TIMEOUT_MS = 120_000;
const POLL_MS = 250;
const LOG_LINES_SHOWN = 15;
const HEALTH_PORTS = ['PAYMENT_API_PORT', 'WALLET_PORT', 'WORKER_PORT', 'PSP_SIMULATOR_PORT'] as const;
const OTHER_PORTS = [
  'PAYMENT_API_METRICS_PORT',
  'WALLET_METRICS_PORT',
  'WORKER_METRICS_PORT',
  'MYSQL_PORT',
  'KAFKA_PORT',
  'CONNECT_PORT',
  'REGISTRY_PORT',
] as const;

/** A checkout that runs everything it has, seen from outside only. */
export interface SystemUnderTest {
  apiUrl: string;
  simulatorUrl: string;
  mysql: { host: string; port: number; user: string; password: string };
  /** `host:port` */
  kafkaBroker: string;
  /** What it was started with; a further process of it needs the same. */
  env: NodeJS.ProcessEnv;
  /** All of its processes as they are now. */
  processes(): ProcessUse[];
  /** Stops everything and keeps its data. Resolves when no process is left; repeating it does nothing. */
  stop(): Promise<void>;
  /** Stops everything and removes its data. Resolves when no process is left; repeating it does nothing. */
  down(): Promise<void>;
}

export interface SystemPlace {
  /** Folder of the checkout, with its `launch/run.mjs`. */
  checkout: string;
  /** Where its data go or are, absolute. A log is written beside it. */
  stackDir: string;
  /** Variables that replace the benchmark's own. */
  env?: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

const isReady = async (port: string): Promise<boolean> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`, {
      signal: AbortSignal.timeout(3_000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
};

async function ownPorts(): Promise<Record<string, string>> {
  const names = [...HEALTH_PORTS, ...OTHER_PORTS];
  const ports = await freePorts(names.length);
  return Object.fromEntries(names.map((name, index) => [name, String(ports[index])]));
}

function killAll(stackDir: string): void {
  for (const { pid } of processesOf(stackDir)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** The launcher's group has what it runs before there is a system, such as npm. */
function signalLauncher(launcher: ChildProcess, signal: NodeJS.Signals): void {
  if (launcher.pid === undefined || launcher.exitCode !== null || launcher.signalCode !== null) return;
  process.kill(-launcher.pid, signal);
}

async function stop(launcher: ChildProcess, stackDir: string): Promise<void> {
  signalLauncher(launcher, 'SIGINT');
  const deadlineMs = Date.now() + DOWN_TIMEOUT_MS;
  while (launcher.exitCode === null && launcher.signalCode === null && Date.now() < deadlineMs)
    await sleep(POLL_MS);
  signalLauncher(launcher, 'SIGKILL');
  for (let left = processesOf(stackDir); left.length > 0; left = processesOf(stackDir)) {
    killAll(stackDir);
    await sleep(POLL_MS);
  }
}

/**
 * Brings a checkout's whole system up on free ports.
 *
 * @throws CommandError with the launcher's last lines when it ends or is not ready within 15 minutes; StackInterrupted.
 *   Nothing is left running then.
 */
export async function bringUp(place: SystemPlace): Promise<SystemUnderTest> {
  const { checkout, stackDir, signal } = place;
  mkdirSync(dirname(stackDir), { recursive: true });
  const logPath = `${stackDir}.log`;
  const log = openSync(logPath, 'w');
  const env = benchEnvironment({
    ...(await ownPorts()),
    STACK_DIR: stackDir,
    RATE_LIMIT_PER_MINUTE: '0',
    ...place.env,
  });
  const launcher = spawn(process.execPath, [join('launch', 'run.mjs'), 'start'], {
    cwd: checkout,
    env,
    // A group of its own: Ctrl-C reaches the benchmark alone, which stops the system in order.
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const down = async (): Promise<void> => {
    await stop(launcher, stackDir);
    rmSync(stackDir, { recursive: true, force: true });
  };
  try {
    await untilReady(launcher, env, logPath, signal);
  } catch (error) {
    await down();
    throw error;
  }
  return {
    apiUrl: `http://127.0.0.1:${env['PAYMENT_API_PORT']}`,
    simulatorUrl: `http://127.0.0.1:${env['PSP_SIMULATOR_PORT']}`,
    mysql: { host: '127.0.0.1', port: Number(env['MYSQL_PORT']), user: ROOT_USER, password: ROOT_PASSWORD },
    kafkaBroker: `127.0.0.1:${env['KAFKA_PORT']}`,
    env,
    processes: () => processesOf(stackDir),
    stop: () => stop(launcher, stackDir),
    down,
  };
}

async function untilReady(
  launcher: ChildProcess,
  env: NodeJS.ProcessEnv,
  logPath: string,
  signal: AbortSignal,
): Promise<void> {
  const lastLines = (): string =>
    readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  const deadlineMs = Date.now() + UP_TIMEOUT_MS;
  for (;;) {
    throwIfInterrupted(signal);
    if (launcher.exitCode !== null || launcher.signalCode !== null)
      throw new CommandError(`the system under test did not start:\n${lastLines()}`);
    const ready = await Promise.all(HEALTH_PORTS.map((name) => isReady(env[name] ?? '')));
    if (ready.every(Boolean)) return;
    if (Date.now() > deadlineMs)
      throw new CommandError(
        `the system under test is not ready after ${UP_TIMEOUT_MS / 1_000} s:\n${lastLines()}`,
      );
    await sleep(POLL_MS, signal);
  }
}

/**
 * A git worktree of this repository at `commit`, below `folder`; kept between runs, so that it is built once.
 *
 * @throws CommandError in a clone that does not have the commit, or outside a clone
 */
export async function checkoutAt(commit: string, folder: string, signal: AbortSignal): Promise<string> {
  const path = join(folder, commit);
  if (existsSync(join(path, 'launch', 'run.mjs'))) return path;
  const git = (...args: string[]) =>
    runTool('git', args, { cwd: projectFolder(), env: benchEnvironment({}), signal }).catch(
      (error: unknown) => {
        throwIfInterrupted(signal);
        throw new CommandError(`git is needed to check out ${commit}: ${String(error)}`);
      },
    );
  const { exitCode } = await git('cat-file', '-e', `${commit}^{commit}`);
  if (exitCode !== 0)
    throw new CommandError(`this clone does not have commit ${commit}: run \`git fetch --unshallow\` first`);
  await git('worktree', 'prune');
  const added = await git('worktree', 'add', '--detach', path, commit);
  if (added.exitCode !== 0) throw new CommandError(`git worktree add failed: ${added.output.trim()}`);
  return path;
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Ends what a killed run has left, and removes its data: its folder is named after its process. */
export async function removeLeftovers(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (!/^\d+$/.test(name) || name.length > 7 || isRunning(Number(name))) continue;
    const path = join(folder, name);
    for (let left = processesOf(path); left.length > 0; left = processesOf(path)) {
      killAll(path);
      await sleep(POLL_MS);
    }
    rmSync(path, { recursive: true, force: true });
  }
}
