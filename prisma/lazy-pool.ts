import { createPool, type Pool, type PoolConfig } from 'mariadb';

/** A pool of the driver's that opens by its first use. */
export class LazyPool {
  readonly #options: PoolConfig;
  #pool: Pool | undefined;

  constructor(options: PoolConfig) {
    this.#options = options;
  }

  get(): Pool {
    this.#pool ??= createPool(this.#options);
    return this.#pool;
  }

  async end(): Promise<void> {
    await this.#pool?.end();
  }
}
