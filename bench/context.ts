import { join } from 'node:path';
import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { DATABASE_NAME } from '#prisma/users';
import { StackInterrupted, throwIfInterrupted } from '#stack/errors';
import { projectFolder } from '#stack/project';
import { startChild } from './child';
import { startLoad, type Load } from './load';
import { copySchema, type BarePlan, type BareResult } from './rivals/bare-sql.plan';
import type { CreditsSeen, ObserverPlan, RatePlan, RateResult } from './rivals/rate.plan';
import type { LoadSamples } from './load.plan';
import { bringUp, checkoutAt, type SystemUnderTest } from './system-under-test';
import { measureWindow, type LoadWindow, type WindowOptions } from './window';

/** The commit that the product is compared with. */
export const BEFORE_COMMIT = '385af66';
const BARE_WARM_UP_PURCHASES = 300;
const RIVAL_WARM_UP_S = 5;
const OBSERVER_START_MS = 1_000;
/** After the load, until the last credits are seen. */
const SETTLING_S = 5;
/** As many as the API, the worker and the wallet consumer write with: 10, 1 and 1. */
const BARE_CONNECTIONS = 12;

/** The bare SQL's window. */
export interface BareWindow {
  purchasesPerSecond: number;
  purchases: number;
  samples: BareResult;
}

/**
 * What can be measured in a run, in the order of even runs; odd ones go from the end. All but `before` run on the servers
 * of `now`: `half` is the product at half of its top rate, `commits` and `cdc` are its floors at the same rate.
 */
export const MEASUREMENTS = ['now', 'half', 'commits', 'cdc', 'bare', 'before'] as const;
export type MeasurementName = (typeof MEASUREMENTS)[number];

/** The product at half of its top rate, ms. */
export interface HalfWindow {
  perSecond: number;
  confirmMs: number[];
  /** From confirm's answer until the credits were seen committed. */
  creditedMs: number[];
}

interface Measurements {
  now: LoadWindow;
  half: HalfWindow;
  commits: RateResult;
  cdc: RateResult;
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
      switch (name) {
        case 'now':
        case 'before':
          return await this.#window(name);
        case 'bare':
          return await this.#bareWindow();
        case 'half':
          return await this.#halfWindow();
        case 'commits':
          return await this.#atHalfRate(name, 'rivals/durable-commits');
        case 'cdc':
          return await this.#atHalfRate(name, 'rivals/bare-cdc');
      }
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

  async #halfRate(): Promise<number> {
    return (await this.take('now')).purchasesPerSecond / 2;
  }

  async #halfWindow(): Promise<HalfWindow> {
    const perSecond = await this.#halfRate();
    const { apiUrl, simulatorUrl, mysql } = await this.system('now');
    const { say, seconds, productNos } = this.options;
    say(`half: ${seconds} s at ${perSecond.toFixed(1)} purchases/s …`);
    const observer = startChild<ObserverPlan, CreditsSeen>('credit-observer');
    this.#load ??= startLoad();
    try {
      const plan = { ...mysql, database: DATABASE_NAME };
      // Its process has started and its connection is open before the first purchase.
      await observer.run({ ...plan, seconds: 0 });
      const watching = observer.run({ ...plan, seconds: seconds + 1 + SETTLING_S });
      await sleep(OBSERVER_START_MS);
      const shape = { loop: 'open', purchasesPerSecond: perSecond, arrivals: 'poisson' } as const;
      const { samples } = await this.#load.run({ apiUrl, simulatorUrl, shape, seconds, productNos });
      const seen = await watching;
      return { perSecond, ...latenciesOf(samples, seen) };
    } finally {
      observer.stop();
    }
  }

  async #atHalfRate(name: 'commits' | 'cdc', script: string): Promise<RateResult> {
    const perSecond = await this.#halfRate();
    const { simulatorUrl, mysql, kafkaBroker } = await this.system('now');
    const { say, seconds } = this.options;
    say(`${name}: ${seconds} s at ${perSecond.toFixed(1)}/s …`);
    const rival = startChild<RatePlan, RateResult>(script);
    try {
      const plan = { ...mysql, database: DATABASE_NAME, simulatorUrl, kafkaBroker, perSecond };
      await rival.run({ ...plan, seconds: RIVAL_WARM_UP_S });
      return await rival.run({ ...plan, seconds });
    } finally {
      rival.stop();
    }
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

const CONFIRMED = 200;

/** Latencies of the purchases that were confirmed. @throws CommandError when one was not credited in time */
function latenciesOf(samples: LoadSamples, seen: CreditsSeen): Pick<HalfWindow, 'confirmMs' | 'creditedMs'> {
  const seenAtMs = new Map(seen.orderId.map((orderId, index) => [orderId, seen.seenAtMs[index] ?? 0]));
  const confirmed = samples.orderId.flatMap((orderId, index) =>
    samples.confirmStatus[index] === CONFIRMED
      ? [
          {
            orderId,
            confirmMs: samples.confirmMs[index] ?? 0,
            answeredAtMs: samples.confirmedAtMs[index] ?? 0,
          },
        ]
      : [],
  );
  const missing = confirmed.filter(({ orderId }) => !seenAtMs.has(orderId));
  const [first] = missing;
  if (first !== undefined) {
    const share = `${missing.length} of ${confirmed.length} orders were`;
    throw new CommandError(
      `${share} not credited ${SETTLING_S} s after the load, ${first.orderId} among them`,
    );
  }
  return {
    confirmMs: confirmed.map(({ confirmMs }) => confirmMs),
    creditedMs: confirmed.map(({ orderId, answeredAtMs }) =>
      Math.max((seenAtMs.get(orderId) ?? Number.NaN) - answeredAtMs, 0),
    ),
  };
}
