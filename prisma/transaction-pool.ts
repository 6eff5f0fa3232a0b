import { setTimeout as delay } from 'node:timers/promises';
import { createPool, type Pool, type PoolConfig, type PoolConnection } from 'mariadb';
import { DatabaseClosingError } from './mysql-errors';

/** The connections that transactions run on. Their sessions have autocommit off. */
export class TransactionPool {
  readonly #options: PoolConfig;
  #pool: Pool | undefined;
  #running = 0;
  #isClosing = false;
  #onIdle = (): void => {};

  constructor(options: PoolConfig) {
    this.#options = options;
  }

  /** The driver's pool; it opens by its first use. */
  get connections(): Pool {
    this.#pool ??= createPool(this.#options);
    return this.#pool;
  }

  /**
   * Lends a connection to `work`. @throws DatabaseClosingError
   */
  async run<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    if (this.#isClosing) throw new DatabaseClosingError('the database is being closed');
    this.#running += 1;
    try {
      const connection = await this.connections.getConnection();
      try {
        return await work(connection);
      } finally {
        await connection.release();
      }
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#onIdle();
    }
  }

  /** Refuses new work and waits for what runs. @returns how much still runs after `graceMs` */
  async drain(graceMs: number): Promise<number> {
    this.#isClosing = true;
    if (this.#running === 0) return 0;
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.race([idle, delay(graceMs, undefined, { ref: false })]);
    return this.#running;
  }

  async end(): Promise<void> {
    await this.#pool?.end();
  }
}
