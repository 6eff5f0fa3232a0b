import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readOptions } from '#kit/arguments';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { CommandError, print } from '#ops/command';
import { StackError, StackInterrupted, throwIfInterrupted } from '#stack/errors';
import { onInterruption } from '#stack/interruption';
import { projectFolder } from '#stack/project';
import { readBaseline, saveBaseline } from './baseline';
import { resultOf, type BenchCase, type CaseRun } from './case';
import { CASES } from './cases';
import { BenchContext } from './context';
import { describeMachine, type Machine } from './machine';
import { barText, reportText, type Report, type TakenMeasurement } from './report';
import { writeReport } from './report.files';
import { SOAK_MINUTES_MIN } from './soak.cases';
import { removeLeftovers } from './system-under-test';

const USAGE = `npm run bench [-- NAME …] [--runs N] [--seconds N] [--orders N] [--lines N] [--json] [--list] [--save-baseline]
Brings systems of its own up and compares them within one run; exits 1 when a median ratio misses its bar.
Without a NAME every case runs but the long ones (--list) and audit (npm run bench -- audit --help).
  --runs N          how often each case is measured (3)
  --seconds N       length of each measured window (20)
  --soak-minutes N  length of the soak, at least 5 (20)
  --orders N        length of a backlog (200000)
  --lines N         lines of a grown system's ledger, and rows of its outbox and inbox (10,000,000)
  --json            the report without raw samples on standard output
  --list            names, and what is measured
  --save-baseline   keeps the ratios in bench/baseline.json; later runs show them`;

const CLIENTS = 64;
const BACKLOG_ORDERS = 200_000;
const LINES_MAX = 50_000_000;
/** As a shell says it of what SIGINT has ended. */
const INTERRUPTED = 130;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function readArguments() {
  const { values, positionals } = readOptions(
    {
      options: {
        runs: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '20' },
        'soak-minutes': { type: 'string', default: '20' },
        orders: { type: 'string', default: String(BACKLOG_ORDERS) },
        lines: { type: 'string', default: '10000000' },
        json: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        'save-baseline': { type: 'boolean', default: false },
      },
      allowPositionals: true,
    },
    USAGE,
  );
  const whole = (text: string, most: number, least = 1): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least || value > most) throw new CommandError(USAGE);
    return value;
  };
  const unknown = positionals.filter((name) => !CASES.some((known) => known.name === name));
  if (unknown.length > 0) {
    const known = CASES.map(({ name }) => name).join(', ');
    throw new CommandError(`unknown case ${unknown.join(', ')}. Known: ${known}; audit runs alone.`);
  }
  return {
    cases: CASES.filter(({ name, isLong = false }) =>
      positionals.length === 0 ? !isLong : positionals.includes(name),
    ),
    runs: whole(values.runs, 100),
    seconds: whole(values.seconds, 3_600),
    soakMinutes: whole(values['soak-minutes'], 1_440, SOAK_MINUTES_MIN),
    orders: whole(values.orders, 10_000_000),
    lines: whole(values.lines, LINES_MAX),
    isJson: values.json,
    isList: values.list,
    isBaseline: values['save-baseline'],
  };
}

function listText(): string {
  const rows = CASES.map(
    ({ name, bar, unit, measured, rival, isLong = false }) =>
      `${name.padEnd(18)} ${barText(bar)} of ${unit}: ${measured}, against ${rival}${isLong ? ' (long)' : ''}`,
  );
  return [
    ...rows,
    `${'audit'.padEnd(18)} the audit of a large ledger; runs alone, with options of its own`,
  ].join('\n');
}

/** What is known of a case so far. */
interface Standing {
  benchCase: BenchCase;
  runs: CaseRun[];
  failure?: string;
}

const isExpected = (error: unknown): error is Error =>
  error instanceof CommandError || error instanceof StackError;

/**
 * One run: everything that the cases need is measured in alternating order, then each case compares. A case that cannot be
 * measured fails, the others go on.
 */
async function oneRun(
  context: BenchContext,
  run: number,
  standings: Standing[],
): Promise<TakenMeasurement[]> {
  const going = standings.filter(({ failure }) => failure === undefined);
  const needed = [...new Set(going.flatMap(({ benchCase }) => benchCase.needs))];
  const taken: TakenMeasurement[] = [];
  for (const measurement of run % 2 === 0 ? needed : needed.toReversed()) {
    const { name } = measurement;
    try {
      taken.push({ run, name, measurement: await context.take(measurement) });
    } catch (error) {
      throwIfInterrupted(context.options.signal);
      if (!isExpected(error)) throw error;
      say(`${name}: ${error.message}`);
    }
  }
  for (const standing of going) {
    try {
      standing.runs.push(await standing.benchCase.run(context));
    } catch (error) {
      throwIfInterrupted(context.options.signal);
      if (!isExpected(error)) throw error;
      standing.failure = error.message;
    }
  }
  return taken;
}

async function measureAll(
  { cases, runs, seconds, soakMinutes, orders, lines }: ReturnType<typeof readArguments>,
  place: { folder: string; signal: AbortSignal; machine: Machine; at: string },
): Promise<Report> {
  const { folder, signal, machine, at } = place;
  const context = new BenchContext({
    clients: CLIENTS,
    seconds,
    soakMinutes,
    orders,
    lines,
    folder,
    signal,
    say,
  });
  const standings = cases.map((benchCase): Standing => ({ benchCase, runs: [] }));
  const measurements: TakenMeasurement[] = [];
  try {
    for (let run = 0; run < runs; run += 1) {
      say(`run ${run + 1} of ${runs}`);
      measurements.push(...(await oneRun(context, run, standings)));
      await context.endRun();
    }
  } finally {
    await context.close();
  }
  const baseline = readBaseline();
  return {
    at,
    options: { runs, seconds, clients: CLIENTS, orders },
    machine,
    cases: standings.map(({ benchCase, runs: done, failure }) => resultOf(benchCase, done, failure)),
    measurements,
    ...(baseline === undefined ? {} : { baseline }),
  };
}

async function compare(): Promise<number> {
  const options = readArguments();
  if (options.isList) {
    print(listText());
    return 0;
  }
  const signal = onInterruption(say);
  const folder = join(projectFolder(), '.stack-bench');
  await removeLeftovers(folder);
  const at = new Date().toISOString();
  const machine = await describeMachine(folder);
  try {
    const report = await measureAll(options, { folder, signal, machine, at });
    const page = writeReport(report, join(folder, 'reports', at.replaceAll(':', '-')));
    const { measurements: _, ...withoutSamples } = report;
    print(options.isJson ? JSON.stringify(withoutSamples) : reportText(report));
    say(`\nraw samples and plots: ${page}`);
    if (options.isBaseline) say(`baseline: ${saveBaseline(report.cases, { machine, savedAt: at })}`);
    return report.cases.every(({ passed }) => passed) ? 0 : 1;
  } finally {
    rmSync(join(folder, String(process.pid)), { recursive: true, force: true });
  }
}

runCommand(compare, {
  expected: [CommandError, ConfigError, StackError, StackInterrupted],
  exitCode: (error) => (error instanceof StackInterrupted ? INTERRUPTED : 1),
});
