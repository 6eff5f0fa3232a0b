import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import { environmentOfTests } from './config';
import { isPass, summaryText } from './report';
import { runChaos } from './run';
import { chaosSystemUp } from './system';

const MINUTES = 2;
/** The same stretch each time, so that what fails here can be looked into. `npm run chaos` draws another each time. */
const SEED = 20_261_122;

/** The short form of `npm run chaos`: the first faults of one schedule. */
test('Under a running load, whatever fails and comes back: no won is lost, none is moved twice, no promise broken', async () => {
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
    const result = await runChaos(system, { minutes: MINUTES, seed, shoppers: 3, only: undefined, say });
    process.stderr.write(
      `${summaryText(result)}\nagain: npm run chaos -- --minutes ${MINUTES} --seed ${seed}\n`,
    );
    const hits = result.injections.filter(({ isHit }) => isHit).length;
    if (!isPass(result) || hits <= 3)
      throw new Error(`${hits} faults hit\n${summaryText(result)}\n${lines.join('\n')}`);
    expect(result.orders).toBeGreaterThan(20);
  } finally {
    await system.down();
  }
}, 900_000);
