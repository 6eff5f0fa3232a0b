import { createServer, type Server } from 'node:http';
import type { Clock } from '#kit/clock';
import type { Logger } from '#kit/log';
import { simulatorApp } from './app';
import { Book } from './book';
import { DEFAULT_SECRET_KEY } from './config';
import { Faults } from './faults/faults';
import type { World } from './toss-api';
import { Webhooks } from './webhooks/webhooks';

const SESSION_MS = 600_000;
const CANCEL_INTERVAL_MS = 1000;
const CALLS_MAX = 200_000;
/** Requests still running when the simulator closes get this long. */
const CLOSE_GRACE_MS = 1000;

export interface SimulatorOptions {
  /** 0 takes a free port. */
  port: number;
  host: string;
  /** Folder of the journal; made when absent. One simulator at a time may use it. */
  dir: string;
  clock: Clock;
  log: Logger;
  /** Accepted API key; the default one accepts every `test_sk_…`. */
  secretKey?: string;
  /** How long an authenticated payment waits for its confirm; Toss: 10 minutes. */
  sessionMs?: number;
  /** Cancels of one payment must be this far apart; Toss: one second. */
  cancelIntervalMs?: number;
  /** Origins the payment window may send shoppers to, beside this machine. */
  allowedOrigins?: readonly string[];
  webhookUrl?: string | undefined;
  /** Calls remembered for `GET /simulator/calls`. */
  callsMax?: number;
  /** At least 0, below 1; decides `dropResponseRate`. */
  random?: () => number;
}

export interface Simulator {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Stops listening, cuts what still runs after a second, writes everything down. */
  close(): Promise<void>;
}

/**
 * Starts a stand-in for Toss Payments and resolves when it answers.
 *
 * @throws Error when the port is taken or the journal is damaged.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clock, log } = options;
  const closing = new AbortController();
  const book = await Book.open({ dir: options.dir, callsMax: options.callsMax ?? CALLS_MAX });
  const faults = new Faults(options.random ?? Math.random);
  const world: World = {
    clock,
    log,
    book,
    faults,
    webhooks: new Webhooks({ clock, log, closing: closing.signal, url: options.webhookUrl }),
    secretKey: options.secretKey ?? DEFAULT_SECRET_KEY,
    sessionMs: options.sessionMs ?? SESSION_MS,
    cancelIntervalMs: options.cancelIntervalMs ?? CANCEL_INTERVAL_MS,
    closing: closing.signal,
  };
  const server = createServer(simulatorApp(world, options.allowedOrigins ?? []));
  let port: number;
  try {
    port = await listen(server, options.port, options.host);
  } catch (error) {
    await book.close();
    throw error;
  }
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing.abort();
    faults.release();
    await stop(server);
    await book.close();
  };
  return { url: `http://${host}:${port}`, port, close: () => (closed ??= close()) };
}

/** @returns the port that was taken. */
function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('not a TCP address'));
      else resolve(address.port);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(cutOff);
      resolve();
    });
    server.closeIdleConnections();
  });
}
