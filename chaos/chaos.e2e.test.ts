import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import { environmentOfTests } from './config';
import { isPass, summaryText } from './report';
import { runChaos } from './run';
import { chaosSystemUp } from './system';

const MINUTES = 5;
/** Whatever the machine: the run goes on until so many of the schedule's faults were hit. */
const HITS_MIN = 4;
/** Longer than the run's own limits together: it ends by them and says what was missing. */
const TEST_MS_MAX = 2 * 3_600_000;
/** The same stretch each time, so that what fails here can be looked into. `npm run chaos` draws another each time. */
const SEED = 20_261_122;

/** The short form of `npm run chaos`: the first faults of one schedule. */
test(
  'Under a running load, whatever fails and comes back: no won is lost, none is moved twice, no promise broken',
  async () => {
    const seed = SEED;
    const lines: string[] = [];
    const say = (line: string): void => void lines.push(line);
    const system = await chaosSystemUp({
      stackDir: join(projectFolder(), '.stack-chaos', String(process.pid)),
      env: environmentOfTests(),
      say,
      report: ({ name, event }) => say(`         ${name} ${event}`),
    });
    try {
      const length = { minutes: MINUTES, hitsMin: HITS_MIN };
      const result = await runChaos(system, { ...length, seed, shoppers: 3, only: undefined, say });
      process.stderr.write(
        `${summaryText(result)}\nagain: npm run chaos -- --minutes ${MINUTES} --hits ${HITS_MIN} --seed ${seed}\n`,
      );
      if (!isPass(result)) throw new Error(`${summaryText(result)}\n${lines.join('\n')}`);
      expect(result.injections.filter(({ isHit }) => isHit).length).toBeGreaterThanOrEqual(HITS_MIN);
      expect(result.orders).toBeGreaterThan(20);
    } finally {
      await system.down();
    }
  },
  TEST_MS_MAX,
);
