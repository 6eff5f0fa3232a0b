import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '#kit/config';
import { runLaunch } from '#launch/command';
import { onInterruption } from '#stack/interruption';
import { supervisorLine } from '#launch/screen';
import { projectFolder } from '#stack/project';
import { chaosArguments } from './config';
import { isFaultNamed } from './faults';
import { isPass, reportPage, summaryText } from './report';
import { runChaos } from './run';
import { chaosSystemUp } from './system';

const print = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { env, json, ...options } = chaosArguments(process.argv.slice(2));
  if (options.only !== undefined && !isFaultNamed(options.only))
    throw new ConfigError(`--only: no fault has "${options.only}" in its name`);
  const folder = join(projectFolder(), '.stack-chaos');
  const stackDir = join(folder, String(process.pid));
  const signal = onInterruption(print);
  print(
    `seed ${options.seed}, ${options.minutes} minutes, ${options.shoppers} shoppers; own servers, own ports`,
  );
  const system = await chaosSystemUp({
    stackDir,
    env,
    say: print,
    report: (event) => print(`         ${supervisorLine(event)}`),
    signal,
  });
  try {
    const result = await runChaos(system, { ...options, say: print, signal });
    mkdirSync(folder, { recursive: true });
    const page = join(folder, `report-${options.seed}.html`);
    writeFileSync(page, reportPage(result));
    const machine = {
      ...result,
      statuses: Object.fromEntries(result.statuses),
      answers: Object.fromEntries(result.answers),
    };
    process.stdout.write(
      json ? `${JSON.stringify(machine)}\n` : `\n${summaryText(result)}\nreport: ${page}\n`,
    );
    if (isPass(result)) return 0;
    // Whoever looks for the cause wants to know what the processes said.
    const logs = join(folder, `logs-${options.seed}`);
    cpSync(join(stackDir, 'logs'), logs, { recursive: true });
    print(`logs: ${logs}`);
    return 1;
  } finally {
    await system.down();
  }
}

runLaunch(main);
