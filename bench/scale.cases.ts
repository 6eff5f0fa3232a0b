import { readLaunchConfig } from '#launch/config';
import { startService, type ServiceName } from '#launch/services';
import { freePorts } from '#stack/ports';
import { caseRun, type BenchCase } from './case';
import type { BenchContext } from './context';
import type { Measurement } from './measurement';
import { now } from './purchases.cases';
import type { SystemUnderTest } from './system-under-test';
import { measureWindow, purchasesOf, untilSettled, type LoadWindow } from './window';

// A second process of a kind. Where no core is free it cannot gain; it must not cost either.

/** The new process compiles its hot code, and a group hands partitions over. */
const WARM_UP_S = 15;

/** Runs `work` beside a further process of ours; the system is at rest again afterwards. @throws StackError */
async function withFurther<T>(
  context: BenchContext,
  system: SystemUnderTest,
  name: ServiceName,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const { signal } = context.options;
  const config = readLaunchConfig(system.env);
  const [port = 0] = await freePorts(1);
  const service = await startService({ ...config, ports: { ...config.ports, [name]: port } }, name, signal);
  try {
    return await work(service.url);
  } finally {
    await service.stop();
  }
}

/** The next measurement must not meet a group that is still handing its partitions back. */
async function untilAtRest(context: BenchContext, system: SystemUnderTest): Promise<void> {
  const shape = { loop: 'closed', clients: context.options.clients } as const;
  const { samples } = await context.load({
    ...purchasesOf(system),
    shape,
    purchases: context.options.clients,
  });
  await untilSettled(system.apiUrl, samples, context.options.signal);
}

function two(name: ServiceName, urlsOf: (system: SystemUnderTest, further: string) => string[]) {
  const measurement: Measurement<LoadWindow> = {
    name: `two-${name}s`,
    async take(context) {
      // Warms the system up.
      await context.take(now);
      const system = await context.system('now');
      const { say, seconds } = context.options;
      say(`two-${name}s: warming up, then ${seconds} s of purchases …`);
      const window = await withFurther(context, system, name, (url) =>
        measureWindow(context, system, { apiUrls: urlsOf(system, url), warmUpS: WARM_UP_S }),
      );
      await untilAtRest(context, system);
      const settled = `the last settled ${(window.settledAfterMs / 1_000).toFixed(1)} s later`;
      say(`two-${name}s: ${window.purchasesPerSecond.toFixed(1)} purchases/s, ${settled}`);
      return window;
    },
  };
  return measurement;
}

const scaleCase = (title: string, measurement: Measurement<LoadWindow>): BenchCase => ({
  name: measurement.name,
  title: `${title}: costs little where no core is free`,
  measured: `purchases with ${title.toLowerCase()}, 64 clients`,
  rival: 'the same with one',
  unit: 'purchases/s',
  bar: { kind: 'at-least', ratio: 0.8 },
  needs: [now, measurement],
  async run(context) {
    const [both, one] = [await context.take(measurement), await context.take(now)];
    return caseRun(both.purchasesPerSecond, one.purchasesPerSecond);
  },
});

export const SCALE_CASES: readonly BenchCase[] = [
  scaleCase(
    'Two payment APIs',
    two('api', ({ apiUrl }, further) => [apiUrl, further]),
  ),
  scaleCase(
    'Two wallet consumers in one group',
    two('wallet', ({ apiUrl }) => [apiUrl]),
  ),
];
