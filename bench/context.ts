import { join } from 'node:path';
import { DATABASE_NAME } from '#prisma/users';
import { StackInterrupted, throwIfInterrupted } from '#stack/errors';
import { projectFolder } from '#stack/project';
import { startChild } from './child';
import { startLoad, type Load } from './load';
import { copySchema, type BarePlan, type BareResult } from './rivals/bare-sql.plan';
import { bringUp, checkoutAt, type SystemUnderTest } from './system-under-test';
import { measureWindow, type LoadWindow, type WindowOptions } from './window';

/** The commit that the product is compared with. */
export const BEFORE_COMMIT = '385af66';
const BARE_WARM_UP_PURCHASES = 300;
/** As many as the API, the worker and the wallet consumer write with: 10, 1 and 1. */
const BARE_CONNECTIONS = 12;

/** The bare SQL's window. */
export interface BareWindow {
  purchasesPerSecond: number;
  purchases: number;
  samples: BareResult;
}

/**
 * What can be measured in a run, in the order of even runs; odd ones go from the end. `bare` stands between the systems
 * because it runs on the servers of `now`.
 */
export const MEASUREMENTS = ['now', 'bare', 'before'] as const;
export type MeasurementName = (typeof MEASUREMENTS)[number];

interface Measurements {
  now: LoadWindow;
  before: LoadWindow;
  bare: BareWindow;
}
export type Measurement = Measurements[MeasurementName];

export interface ContextOptions extends WindowOptions {
  /** Folder of the benchmark: `.stack-bench`. */
  folder: string;
  say: (text: string) => void;
}

/** What a case measures with. One system runs at a time; each run brings its systems up with empty data. */
export class BenchContext {
  readonly options: ContextOptions;
  #load: Load | undefined;
  #bare: { stop(): void } | undefined;
  #current: { name: 'now' | 'before'; system: SystemUnderTest } | undefined;
  #taken = new Map<MeasurementName, Promise<Measurement>>();

  constructor(options: ContextOptions) {
    this.options = options;
    options.signal.addEventListener('abort', () => this.#stopChildren());
  }

  /** The system of this checkout or of the earlier commit; takes the other one down. @throws CommandError */
  async system(name: 'now' | 'before'): Promise<SystemUnderTest> {
    const { folder, signal, say } = this.options;
    throwIfInterrupted(signal);
    if (this.#current?.name === name) return this.#current.system;
    await this.#down();
    const checkout = name === 'now' ? projectFolder() : await checkoutAt(BEFORE_COMMIT, folder, signal);
    say(`${name}: starting the system …`);
    const stackDir = join(folder, String(process.pid), name);
    const system = await bringUp({ checkout, stackDir, signal });
    this.#current = { name, system };
    return system;
  }

  /** Measures once in a run; every case of the run gets the same result, or the same error. */
  take<N extends MeasurementName>(name: N): Promise<Measurements[N]> {
    const taken = this.#taken.get(name) ?? this.#measure(name);
    this.#taken.set(name, taken);
    return taken as Promise<Measurements[N]>;
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

  async #measure(name: MeasurementName): Promise<Measurement> {
    try {
      return name === 'bare' ? await this.#bareWindow() : await this.#window(name);
    } catch (error) {
      throw this.options.signal.aborted ? new StackInterrupted() : error;
    }
  }

  async #window(name: 'now' | 'before'): Promise<LoadWindow> {
    const system = await this.system(name);
    const { say, seconds } = this.options;
    say(`${name}: warming up, then ${seconds} s of purchases …`);
    this.#load ??= startLoad();
    const window = await measureWindow(system, this.#load, this.options);
    const settled = `the last settled ${(window.settledAfterMs / 1_000).toFixed(1)} s later`;
    say(`${name}: ${window.purchasesPerSecond.toFixed(1)} purchases/s, ${settled}`);
    return window;
  }

  async #bareWindow(): Promise<BareWindow> {
    const { mysql } = await this.system('now');
    const { say, seconds, clients, productNos } = this.options;
    const database = `${DATABASE_NAME}_bare`;
    await copySchema(mysql, DATABASE_NAME, database);
    say(`bare: warming up, then ${seconds} s of the same SQL through the driver …`);
    const plan = { ...mysql, database, clients, connections: BARE_CONNECTIONS, productNos };
    const rival = startChild<BarePlan, BareResult>('rivals/bare-sql');
    this.#bare = rival;
    try {
      await rival.run({ ...plan, purchases: BARE_WARM_UP_PURCHASES });
      const samples = await rival.run({ ...plan, seconds });
      const purchases = samples.endMs.length;
      const inWindow = samples.endMs.filter((end) => end <= seconds * 1_000).length;
      say(`bare: ${(inWindow / seconds).toFixed(1)} purchases/s`);
      return { purchasesPerSecond: inWindow / seconds, purchases, samples };
    } finally {
      rival.stop();
      this.#bare = undefined;
    }
  }

  #stopChildren(): void {
    this.#load?.stop();
    this.#load = undefined;
    this.#bare?.stop();
  }

  async #down(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.system.down();
  }
}
