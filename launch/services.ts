import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#kit/clock';
import { StackError, throwIfInterrupted } from '#stack/errors';
import { isPortFree, portHolder } from '#stack/ports';
import type { Run } from '#stack/supervisor';
import type { LaunchConfig } from './config';

export const SERVICE_NAMES = ['simulator', 'wallet', 'worker', 'api'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

interface ServiceKind {
  title: string;
  /** Below `dist/`. */
  script: string;
  portVariable: string;
}

export const SERVICES: Record<ServiceName, ServiceKind> = {
  simulator: {
    title: 'PSP simulator',
    script: 'psp-simulator/simulator.main.js',
    portVariable: 'PSP_SIMULATOR_PORT',
  },
  wallet: { title: 'wallet consumer', script: 'wallet-consumer/wallet.main.js', portVariable: 'WALLET_PORT' },
  worker: { title: 'payment worker', script: 'payment-api/worker.main.js', portVariable: 'WORKER_PORT' },
  api: { title: 'payment API', script: 'payment-api/server.main.js', portVariable: 'PAYMENT_API_PORT' },
};

/** Small heaps and a small young generation: a service holds rows and batches, not data sets. The Dockerfile has the same. */
export const NODE_FLAGS = ['--max-old-space-size=128', '--max-semi-space-size=8'];

const READY_TIMEOUT_MS = 45_000;
const READY_POLL_MS = 50;
const STOP_TIMEOUT_MS = 25_000;
const LOG_BYTES_MAX = 20 * 1024 * 1024;
const LOG_LINES_SHOWN = 5;

/** A process of ours. */
export interface Service extends Run {
  name: ServiceName;
  pid: number;
  url: string;
  /** SIGTERM, and SIGKILL when that does not end it within 25 s. */
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export const portOf = (config: LaunchConfig, name: ServiceName): number => config.ports[name];
export const urlOf = (config: LaunchConfig, name: ServiceName): string =>
  `http://127.0.0.1:${portOf(config, name)}`;

/** @throws StackError naming each taken port, who has it, and the variable that moves ours */
export async function requireServicePorts(
  config: LaunchConfig,
  names: readonly ServiceName[],
): Promise<void> {
  const sentences: string[] = [];
  for (const name of names) {
    const port = portOf(config, name);
    if (await isPortFree(port)) continue;
    const holder = portHolder(port);
    const who =
      holder === undefined ? 'another program' : `another program (${holder.name}, pid ${holder.pid})`;
    sentences.push(`port ${port} is in use by ${who}; stop it or set ${SERVICES[name].portVariable}.`);
  }
  if (sentences.length > 0) throw new StackError(sentences.join('\n'));
}

const logPathOf = (config: LaunchConfig, name: ServiceName): string =>
  join(config.stack.stackDir, 'logs', `${name}.log`);

/** The last words of a service, for a person: messages of its JSON lines, other lines as they are. */
function lastWords(path: string): string {
  const lines = existsSync(path)
    ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN)
    : [];
  return lines
    .map((line) => {
      try {
        const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
        return `  ${msg ?? ''}${err?.message === undefined ? '' : `: ${err.message}`}`;
      } catch {
        return `  ${line}`;
      }
    })
    .join('\n');
}

/**
 * Starts one of our processes and waits until it is ready. It ends by itself when this process does, however this one
 * ends: it watches the channel between both.
 *
 * @throws StackError with its last words when it ends, or is not ready in time
 */
export async function startService(
  config: LaunchConfig,
  name: ServiceName,
  signal?: AbortSignal,
): Promise<Service> {
  const { title, script, portVariable } = SERVICES[name];
  const logPath = logPathOf(config, name);
  if (existsSync(logPath) && statSync(logPath).size > LOG_BYTES_MAX) renameSync(logPath, `${logPath}.1`);
  const log = openSync(logPath, 'a');
  // A session of its own: Ctrl-C in the terminal reaches only this process, which stops the others in order.
  const child = spawn(process.execPath, [...NODE_FLAGS, join(config.stack.projectDir, 'dist', script)], {
    cwd: config.stack.projectDir,
    env: { ...config.env, [portVariable]: String(portOf(config, name)) },
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, killedBy) => resolve(killedBy ?? `exit code ${code}`));
  });
  child.unref();
  child.channel?.unref();
  if (child.pid === undefined) throw new StackError(`${title} could not be started: ${await ended}`);
  const service: Service = {
    name,
    pid: child.pid,
    url: urlOf(config, name),
    ended,
    kill: (signalName) => void child.kill(signalName),
    async stop() {
      child.kill('SIGTERM');
      const cutOff = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(cutOff);
    },
  };
  try {
    await untilReady(service, title, logPath, signal);
    return service;
  } catch (error) {
    await service.stop();
    throw error;
  }
}

async function untilReady(
  service: Service,
  title: string,
  logPath: string,
  signal?: AbortSignal,
): Promise<void> {
  let end: string | undefined;
  void service.ended.then((how) => {
    end = how;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    throwIfInterrupted(signal);
    if (end !== undefined) throw new StackError(`${title} ended (${end}):\n${lastWords(logPath)}`);
    if (await isReady(service.url)) return;
    if (Date.now() > deadline) {
      throw new StackError(
        `${title} is not ready after ${READY_TIMEOUT_MS / 1000} s:\n${lastWords(logPath)}`,
      );
    }
    await sleep(READY_POLL_MS, signal);
  }
}

/** Does the process at `url` say that it is ready? */
export async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(3_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
