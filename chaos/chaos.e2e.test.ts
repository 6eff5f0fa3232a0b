import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import { environmentOfTests } from './config';
import { isPass, summaryText } from './report';
import { runChaos } from './run';
import { chaosSystemUp } from './system';

const MINUTES = 2;

/** The short form of `npm run chaos`: another stretch of the faults in each run, the seed being printed. */
test('Under a running load, whatever fails and comes back: no won is lost, none is moved twice, no promise broken', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
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
    if (!isPass(result)) throw new Error(`${summaryText(result)}\n${lines.join('\n')}`);
    expect(result.injections.length).toBeGreaterThan(3);
    expect(result.orders).toBeGreaterThan(20);
  } finally {
    await system.down();
  }
}, 900_000);
