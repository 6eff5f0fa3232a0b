import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import { StackInterrupted, throwIfInterrupted } from '#stack/errors';
import { addSellers } from './catalog';
import { startChild, type Child } from './child';
import type { LoadPlan, LoadResult } from './load.plan';
import type { Measurement } from './measurement';
import { bringUp, checkoutAt, type SystemUnderTest } from './system-under-test';

/** The commit that the product is compared with. */
export const BEFORE_COMMIT = '385af66';

export interface ContextOptions {
  /** Purchases at the same time, in a closed loop. */
  clients: number;
  /** Length of a measured window. */
  seconds: number;
  /** Length of the soak. */
  soakMinutes: number;
  /** Length of a backlog. */
  orders: number;
  /** Of a grown system's ledger; its outbox and inbox have as many rows. */
  lines: number;
  /** Folder of the benchmark: `.stack-bench`. */
  folder: string;
  signal: AbortSignal;
  say: (text: string) => void;
}

/** What runs for a measurement. */
export interface Running {
  /** Stops all of it and removes its data. */
  down(): Promise<void>;
}

/** What a measurement measures with. One system runs at a time; each run brings its systems up with empty data. */
export class BenchContext {
  readonly options: ContextOptions;
  #load: Child<LoadPlan, LoadResult> | undefined;
  readonly #children = new Set<{ stop(): void }>();
  #current: { name: string; running: Running } | undefined;
  #taken = new Map<string, Promise<unknown>>();

  constructor(options: ContextOptions) {
    this.options = options;
    options.signal.addEventListener('abort', () => this.#stopChildren());
  }

  /** Measures once in a run; every case of the run gets the same result, or the same error. */
  take<T>(measurement: Measurement<T>): Promise<T> {
    const { name } = measurement;
    const taken = this.#taken.get(name) ?? this.#measure(measurement);
    this.#taken.set(name, taken);
    return taken as Promise<T>;
  }

  async #measure<T>(measurement: Measurement<T>): Promise<T> {
    try {
      return await measurement.take(this);
    } catch (error) {
      throw this.options.signal.aborted ? new StackInterrupted() : error;
    }
  }

  /**
   * What runs under this name; the first who asks starts it, and whatever else runs is taken down before.
   *
   * @param start gets a folder for its data, which does not exist
   * @throws CommandError
   */
  async use<R extends Running>(name: string, start: (stackDir: string) => Promise<R>): Promise<R> {
    const { folder, signal, say } = this.options;
    throwIfInterrupted(signal);
    if (this.#current?.name === name) return this.#current.running as R;
    await this.#down();
    say(`${name}: starting the system …`);
    const running = await start(join(folder, String(process.pid), name));
    this.#current = { name, running };
    return running;
  }

  /** The whole system of this checkout or of the earlier commit. @throws CommandError */
  system(name: 'now' | 'before'): Promise<SystemUnderTest> {
    const { folder, signal } = this.options;
    return this.use(name, async (stackDir) => {
      const checkout = name === 'now' ? projectFolder() : await checkoutAt(BEFORE_COMMIT, folder, signal);
      const system = await bringUp({ checkout, stackDir, signal });
      await addSellers(system.mysql);
      return system;
    });
  }

  /** The load generator, one for all systems. */
  load(plan: LoadPlan): Promise<LoadResult> {
    this.#load ??= startChild<LoadPlan, LoadResult>('load.worker');
    return this.#load.run(plan);
  }

  /** Runs `work` with a process of its own: `script` is a file below `bench/`. */
  async withChild<Plan extends object, Result, T>(
    script: string,
    work: (child: Child<Plan, Result>) => Promise<T>,
  ): Promise<T> {
    const child = startChild<Plan, Result>(script);
    this.#children.add(child);
    try {
      return await work(child);
    } finally {
      this.#children.delete(child);
      child.stop();
    }
  }

  /** Ends a run: takes the system down and forgets what was measured. */
  async endRun(): Promise<void> {
    this.#taken = new Map();
    await this.#down();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.#stopChildren();
    await this.endRun();
  }

  #stopChildren(): void {
    this.#load?.stop();
    this.#load = undefined;
    for (const child of this.#children) child.stop();
  }

  async #down(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.running.down();
  }
}
