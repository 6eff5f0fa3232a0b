import pc from 'picocolors';
import { readOptions, UsageError } from '#kit/arguments';
import { onInterruption } from '#stack/interruption';
import { checkModel, requireChecker, ToolMissingError, type ModelVerdict } from './model.checker';
import { MUTANTS, SOUND, type ModelCheck } from './model.checks';
import { propertiesOf } from './model.text';
import { print } from './screen';

const USAGE = `npm run model [-- --json]
Checks every interleaving of the protocol's model (docs/model), and that each mutant is found.`;
const NAME_WIDTH = 11;
const TITLE_WIDTH = 90;

function wordsOf({ outcome, broken, check }: ModelVerdict): string {
  if (outcome === 'unfinished') return 'was not finished: nothing is proved';
  if (outcome === 'holds') return check.expected === 'holds' ? 'holds' : 'NOTHING FOUND';
  return check.expected === 'holds' ? `BROKEN ${broken}` : `found: ${broken}`;
}

function lineOf(verdict: ModelVerdict): string {
  const { check, states, depth, seconds, isAsExpected } = verdict;
  const words = isAsExpected ? pc.green(wordsOf(verdict)) : pc.red(wordsOf(verdict));
  const size = `${states.toLocaleString('en')} states, depth ${depth.toLocaleString('en')}, ${seconds.toFixed(1)} s`;
  return `${check.model.padEnd(NAME_WIDTH)} ${check.title.padEnd(TITLE_WIDTH)} ${words}  ${pc.dim(size)}`;
}

/** What the sound checks have proved, by name. */
function printProperties(verdicts: readonly ModelVerdict[]): void {
  print(pc.bold('\nproperties'));
  for (const model of ['payment', 'cancel', 'settlement'] as const) {
    const ofModel = verdicts.filter(({ check }) => check.model === model && check.expected === 'holds');
    const isProved = ofModel.length > 0 && ofModel.every(({ outcome }) => outcome === 'holds');
    for (const property of propertiesOf(model)) {
      const isBroken = ofModel.some(({ broken }) => broken === property);
      const verdict = isBroken ? pc.red('BROKEN') : isProved ? pc.green('holds') : pc.yellow('not proved');
      print(`${model.padEnd(NAME_WIDTH)} ${property.padEnd(TITLE_WIDTH)} ${verdict}`);
    }
  }
}

async function checkAll(
  checks: readonly ModelCheck[],
  { json, signal }: { json: boolean; signal: AbortSignal },
): Promise<ModelVerdict[]> {
  const verdicts: ModelVerdict[] = [];
  for (const check of checks) {
    const verdict = await checkModel(check, signal);
    verdicts.push(verdict);
    if (json) continue;
    print(lineOf(verdict));
    if (!verdict.isAsExpected) for (const step of verdict.trail) print(`    ${step}`);
  }
  return verdicts;
}

async function main(): Promise<number> {
  const { values } = readOptions({ options: { json: { type: 'boolean', default: false } } }, USAGE);
  const { json } = values;
  const signal = onInterruption((text) => void process.stderr.write(`${text}\n`));
  await requireChecker();
  if (!json) print(pc.bold('the protocol as the code has it'));
  const sound = await checkAll(SOUND, { json, signal });
  if (!json) print(pc.bold('\nmutants: one thing done wrong'));
  const mutants = await checkAll(MUTANTS, { json, signal });
  const isPassed = [...sound, ...mutants].every(({ isAsExpected }) => isAsExpected);
  if (json) {
    process.stdout.write(`${JSON.stringify({ isPassed, sound, mutants })}\n`);
  } else {
    printProperties(sound);
    print(`\n${isPassed ? 'PASSED' : 'FAILED'}`);
  }
  return isPassed ? 0 : 1;
}

const INTERRUPTED = 130;

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const { name, message, stack } = error as Error;
    if (error instanceof UsageError) {
      process.stderr.write(`${message}\n`);
      process.exit(error.isAsked ? 0 : 1);
    }
    const isInterrupted = name === 'AbortError';
    if (!isInterrupted)
      process.stderr.write(`${error instanceof ToolMissingError ? message : (stack ?? message)}\n`);
    process.exit(isInterrupted ? INTERRUPTED : 1);
  },
);
