import { setTimeout as delay } from 'node:timers/promises';
import type { PoolConfig, PoolConnection } from 'mariadb';
import { LazyPool } from './lazy-pool';
import { DatabaseClosingError, NoConnectionError, OverloadedError } from './mysql-errors';

export interface Turn {
  /**
   * Turned away at once when more than this many wait for a connection. Without it the work is never turned away, and is
   * served before all work that can be: it finishes what was begun.
   */
  waitingMax?: number;
}

interface Waiting {
  isUrgent: boolean;
  start: () => void;
}

/**
 * The connections that transactions run on; their sessions have autocommit off. It lends each to one piece of work at a time,
 * and decides who waits and who is turned away.
 */
export class TransactionPool {
  readonly #options: PoolConfig & { connectionLimit: number; acquireTimeout: number };
  readonly #pool: LazyPool;
  #running = 0;
  /** Urgent work first, and each kind in its order. */
  #waiting: Waiting[] = [];
  #isClosing = false;
  #onIdle = (): void => {};

  constructor(options: PoolConfig & { connectionLimit: number; acquireTimeout: number }) {
    this.#options = options;
    this.#pool = new LazyPool(options);
  }

  /**
   * Lends a connection to `work`.
   *
   * @throws OverloadedError when too many wait already; NoConnectionError when none is free in time; DatabaseClosingError
   */
  async run<T>(work: (connection: PoolConnection) => Promise<T>, turn: Turn = {}): Promise<T> {
    if (this.#isClosing) throw new DatabaseClosingError('the database is being closed');
    if (this.#running >= this.#options.connectionLimit) await this.#waitForTurn(turn);
    else this.#running += 1;
    try {
      const connection = await this.#pool.get().getConnection();
      try {
        return await work(connection);
      } finally {
        await connection.release();
      }
    } finally {
      this.#next();
    }
  }

  /** Resolves with a place that another piece of work leaves. */
  #waitForTurn({ waitingMax }: Turn): Promise<void> {
    if (waitingMax !== undefined && this.#waiting.length >= waitingMax)
      throw new OverloadedError(`${this.#waiting.length} transactions wait for a connection`);
    const isUrgent = waitingMax === undefined;
    return new Promise((resolve, reject) => {
      const { acquireTimeout } = this.#options;
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(new NoConnectionError(`no connection was free within ${acquireTimeout} ms`));
      }, acquireTimeout);
      const waiting: Waiting = {
        isUrgent,
        start: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const place = isUrgent ? this.#waiting.findIndex((one) => !one.isUrgent) : -1;
      this.#waiting.splice(place === -1 ? this.#waiting.length : place, 0, waiting);
    });
  }

  /** Passes the place of finished work on. */
  #next(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.start();
    this.#running -= 1;
    if (this.#running === 0) this.#onIdle();
  }

  /** Refuses new work and waits for what runs. @returns how much still runs after `graceMs` */
  async drain(graceMs: number): Promise<number> {
    this.#isClosing = true;
    if (this.#running === 0) return 0;
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.race([idle, delay(graceMs, undefined, { ref: false })]);
    return this.#running;
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}
