import { readOptions } from '#kit/arguments';
import { CommandError, print, runOperation } from '#ops/command';
import { startChild } from './child';
import { errorCounts, purchasesPerSecond, type LoadPlan, type LoadResult } from './load.plan';
import { quantiles } from './statistics';

const USAGE = `node dist/bench/load.main.js --api URL --simulator URL [--clients N | --rate N] [--seconds N] [--json]
Loads a running system (RATE_LIMIT_PER_MINUTE=0) with purchases and prints purchases/s, latencies and errors.
  --clients N      N clients, one purchase after the other each (64)
  --rate N         N purchases a second instead, whether or not earlier ones are answered
  --arrivals KIND  even or poisson, with --rate (poisson)
  --seconds N      how long (20)
  --purchases N    how many instead
  --warm-up N      purchases before the measured window (200)
  --products LIST  the products that are bought (1,2,3)
  --lines N        how many of them an order has, at random (3)
  --json           all samples`;

const SHARES = [0.5, 0.9, 0.99, 0.999, 1];

function readPlan(): { plan: LoadPlan; warmUp: number; isJson: boolean } {
  const { values } = readOptions(
    {
      options: {
        api: { type: 'string', default: 'http://127.0.0.1:8080' },
        simulator: { type: 'string', default: 'http://127.0.0.1:8090' },
        clients: { type: 'string', default: '64' },
        rate: { type: 'string' },
        arrivals: { type: 'string', default: 'poisson' },
        seconds: { type: 'string', default: '20' },
        purchases: { type: 'string' },
        'warm-up': { type: 'string', default: '200' },
        products: { type: 'string', default: '1,2,3' },
        lines: { type: 'string', default: '3' },
        json: { type: 'boolean', default: false },
      },
    },
    USAGE,
  );
  const number = (text: string, least: number): number => {
    const value = Number(text);
    if (!(value >= least)) throw new CommandError(`${text} is less than ${least} or no number.\n${USAGE}`);
    return value;
  };
  const { rate, purchases, arrivals } = values;
  if (arrivals !== 'even' && arrivals !== 'poisson') throw new CommandError(USAGE);
  const plan: LoadPlan = {
    apiUrls: [values.api],
    simulatorUrl: values.simulator,
    shape:
      rate === undefined
        ? { loop: 'closed', clients: number(values.clients, 1) }
        : { loop: 'open', purchasesPerSecond: number(rate, 0.001), arrivals },
    ...(purchases === undefined
      ? { seconds: number(values.seconds, 0.001) }
      : { purchases: number(purchases, 1) }),
    productNos: values.products.split(',').map((text) => number(text, 1)),
    linesPerOrder: number(values.lines, 1),
  };
  return { plan, warmUp: number(values['warm-up'], 0), isJson: values.json };
}

function textOf(plan: LoadPlan, result: LoadResult): string {
  const { samples, cpuMs, elapsedMs } = result;
  const row = (name: string, ms: number[]): string =>
    `${name.padEnd(22)}${quantiles(ms, SHARES)
      .map((value) => (Number.isNaN(value) ? '–' : value.toFixed(1)).padStart(9))
      .join('')}`;
  const errors = errorCounts(result).map(([error, count]) => `${String(count).padStart(8)}  ${error}`);
  return [
    `${purchasesPerSecond(plan, result).toFixed(1)} purchases/s, ${samples.error.length} purchases in ` +
      `${(elapsedMs / 1_000).toFixed(1)} s; load generator ${(cpuMs / samples.error.length).toFixed(2)} ms CPU each`,
    `${'ms'.padEnd(22)}${['p50', 'p90', 'p99', 'p99.9', 'max'].map((name) => name.padStart(9)).join('')}`,
    row('checkout answered', samples.checkoutMs),
    row(
      'confirm answered',
      samples.confirmMs.filter((ms) => ms > 0),
    ),
    errors.length === 0 ? 'no errors' : `errors\n${errors.join('\n')}`,
  ].join('\n');
}

runOperation(async () => {
  const { plan, warmUp, isJson } = readPlan();
  const load = startChild<LoadPlan, LoadResult>('load.worker');
  try {
    if (warmUp > 0) {
      const { seconds: _, ...untimed } = plan;
      const shape: LoadPlan['shape'] =
        plan.shape.loop === 'closed' ? plan.shape : { loop: 'closed', clients: Math.min(16, warmUp) };
      await load.run({ ...untimed, shape, purchases: warmUp });
    }
    const result = await load.run(plan);
    print(isJson ? JSON.stringify(result) : textOf(plan, result));
    return result.samples.error.every((error) => error !== '') ? 1 : 0;
  } finally {
    load.stop();
  }
});
