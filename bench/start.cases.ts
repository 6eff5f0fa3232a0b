import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '#ops/command';
import { projectFolder } from '#stack/project';
import { runTool } from '#stack/tool';
import { caseRun, type BenchCase } from './case';
import { benchEnvironment, emptyHome } from './config';
import type { Running } from './context';
import type { Measurement } from './measurement';
import { bringUp, type SystemUnderTest } from './system-under-test';

// `npm start`, until every process of ours says that it is ready.

interface Started extends Running {
  seconds: number;
}

async function timed(start: () => Promise<SystemUnderTest>): Promise<Started> {
  const beganMs = performance.now();
  const system = await start();
  return { seconds: (performance.now() - beganMs) / 1_000, down: () => system.down() };
}

/** The second start of a system: its data are there, and everything is built. */
async function startAgain(stackDir: string, signal: AbortSignal): Promise<Started> {
  const place = { checkout: projectFolder(), stackDir, signal };
  const first = await bringUp(place);
  await first.stop();
  return timed(() => bringUp({ ...place, env: first.env }));
}

/** The first start of a fresh clone by a user whose caches are empty. */
async function startCold(stackDir: string, signal: AbortSignal): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'payment-eda-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const checkout = join(folder, 'clone');
    const { exitCode, output } = await runTool('git', ['clone', '--quiet', projectFolder(), checkout], {
      cwd: folder,
      env: benchEnvironment({}),
      signal,
    });
    if (exitCode !== 0) throw new CommandError(`git clone failed: ${output.trim()}`);
    const env = {
      ...emptyHome(join(folder, 'home')),
      STACK_CACHE_DIR: join(folder, 'servers'),
    };
    const started = await timed(() => bringUp({ checkout, stackDir, signal, env }));
    return { ...started, down: () => started.down().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

function startCase(
  name: string,
  start: (stackDir: string, signal: AbortSignal) => Promise<Started>,
  { limitS, ...texts }: Pick<BenchCase, 'title' | 'measured' | 'isLong'> & { limitS: number },
): BenchCase {
  const measurement: Measurement<number> = {
    name,
    async take(context) {
      const { signal } = context.options;
      const { seconds } = await context.use(name, (stackDir) => start(stackDir, signal));
      return seconds;
    },
  };
  return {
    name,
    ...texts,
    rival: `${limitS} s`,
    unit: 's',
    bar: { kind: 'at-most', ratio: 1 },
    needs: [measurement],
    run: async (context) => caseRun(await context.take(measurement), limitS),
  };
}

export const START_CASES: readonly BenchCase[] = [
  startCase('start-warm', startAgain, {
    title: 'npm start with the data of an earlier one',
    measured: 'from the command until every process is ready; built before',
    limitS: 15,
  }),
  startCase('start-cold', startCold, {
    title: 'npm start in a fresh clone, with empty caches',
    measured: 'from the command until every process is ready; downloads, builds and creates everything',
    limitS: 90,
    isLong: true,
  }),
];
