import { setTimeout as delay } from 'node:timers/promises';
import type { PoolConfig, PoolConnection } from 'mariadb';
import { LazyPool } from './lazy-pool';
import { DatabaseClosingError, NoConnectionError, OverloadedError } from './mysql-errors';

export interface Turn {
  /** Turned away at once when so many wait before it. Without it the work is never turned away: it finishes what was begun. */
  waitingMax?: number;
  /** Work of a lower rank is served first. Without it: 0 for work that is never turned away, 1 for other work. */
  rank?: number;
}

interface Waiting {
  rank: number;
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
  /** By rank, and each rank in its order. */
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
  #waitForTurn({ waitingMax, rank = waitingMax === undefined ? 0 : 1 }: Turn): Promise<void> {
    const behind = this.#waiting.findIndex((one) => one.rank > rank);
    const place = behind === -1 ? this.#waiting.length : behind;
    if (waitingMax !== undefined && place >= waitingMax)
      throw new OverloadedError(`${place} transactions wait for a connection before this one`);
    return new Promise((resolve, reject) => {
      const { acquireTimeout } = this.#options;
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(new NoConnectionError(`no connection was free within ${acquireTimeout} ms`));
      }, acquireTimeout);
      const waiting: Waiting = {
        rank,
        start: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.splice(place, 0, waiting);
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
