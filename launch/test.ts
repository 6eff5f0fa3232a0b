import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCLI } from 'jest';
import pc from 'picocolors';
import { StackInterrupted } from '#stack/errors';
import { identify } from '#stack/process';
import { projectFolder } from '#stack/project';
import type { RunningStack } from '#stack/running';
import { stackReset, stackUp } from '#stack/stack';
import { runLaunch } from './command';
import { readLaunchConfig, type LaunchConfig } from './config';
import { onInterruption } from '#stack/interruption';
import { ownPorts } from './own-ports';
import { print, screenReport } from './screen';
import { prepare } from './system';

interface Phase {
  name: string;
  testMatch: string[];
  workersMax: number;
  needsServers: boolean;
}

/** Cheapest first: what is broken in the code itself is known before a server starts. */
const PHASES: readonly Phase[] = [
  { name: 'code', testMatch: ['**/*.unit.test.ts', '**/tidy.test.ts'], workersMax: 2, needsServers: false },
  { name: 'real servers', testMatch: ['**/*.int.test.ts'], workersMax: 2, needsServers: true },
  { name: 'whole pipeline', testMatch: ['**/*.e2e.test.ts'], workersMax: 1, needsServers: true },
];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Variables of ours: none of a shell's reaches the tests, which would otherwise go to somebody's servers, or run with
 * other settings than the ones they are written for.
 */
const OURS =
  /^(PAYMENT|WALLET|OPS|MIGRATOR|MYSQL|KAFKA|SCHEMA_REGISTRY|REGISTRY|CONNECT|CDC|PSP|TOSS|ADMIN|CLAIM|RATE|TRUSTED|WORKER|RECOVERY|RECONCILE|STACK)_|^(NODE_ENV|BIND_HOST|ALLOWED_ORIGINS|WEBHOOK_URL|LOG_LEVEL)$/;
/** Where the unpacked servers lie is no setting of a system. */
const KEPT = 'STACK_CACHE_DIR';

/** Points every setting at free ports and a folder of this run: a running stack is never touched. */
async function testEnvironment(): Promise<NodeJS.ProcessEnv> {
  const ports = await ownPorts();
  const cleared = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => OURS.test(name) && name !== KEPT)
      .map((name) => [name, undefined]),
  );
  return {
    ...cleared,
    STACK_DIR: join(projectFolder(), '.stack-test', String(process.pid)),
    ...ports,
    TEST_MYSQL_ROOT_URL: `mysql://root:1234@127.0.0.1:${ports.MYSQL_PORT}/mysql`,
    LOG_LEVEL: 'info',
    // A test is one client that asks as fast as it can. The limit has tests of its own.
    RATE_LIMIT_PER_MINUTE: '0',
    // The broker's shortest: a killed consumer's partitions are handed over sooner.
    KAFKA_SESSION_TIMEOUT_MS: '6000',
  };
}

async function runPhase(phase: Phase, patterns: string[]): Promise<Counts> {
  const root = projectFolder();
  print(pc.bold(`\n— ${phase.name}`));
  const { results } = await runCLI(
    {
      $0: 'jest',
      _: patterns,
      config: join(root, 'jest.config.cjs'),
      testMatch: phase.testMatch,
      passWithNoTests: true,
      ...(phase.workersMax === 1 ? { runInBand: true } : { maxWorkers: phase.workersMax }),
    },
    [root],
  );
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests, numTodoTests } =
    results;
  return {
    passed: numPassedTests,
    // A file that could not even be loaded is a failure, although none of its tests ran.
    failed: numFailedTests + numRuntimeErrorTestSuites,
    skipped: numPendingTests + numTodoTests,
  };
}

/** Takes down what a killed run has left: its folder is named after its process. */
async function takeDownLeftovers(): Promise<void> {
  const parent = join(projectFolder(), '.stack-test');
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    if (identify(Number(name)) !== undefined) continue;
    const stackDir = join(parent, name);
    await stackReset({ ...readLaunchConfig().stack, stackDir });
    rmSync(stackDir, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const patterns = process.argv.slice(2);
  const interruption = onInterruption(print);
  const variables = await testEnvironment();
  Object.assign(process.env, variables);
  for (const [name, value] of Object.entries(variables)) if (value === undefined) delete process.env[name];
  await takeDownLeftovers();
  const config = readLaunchConfig();
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  let stack: RunningStack | undefined;
  try {
    for (const phase of PHASES) {
      if (interruption.aborted) throw new StackInterrupted();
      if (phase.needsServers) stack ??= await serversUp(config, interruption);
      const counts = await runPhase(phase, patterns);
      for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key];
    }
  } finally {
    await stack?.down();
    await stackReset(config.stack);
    rmSync(config.stack.stackDir, { recursive: true, force: true });
  }
  const skipped = total.skipped === 0 ? '' : `, ${total.skipped} skipped`;
  print(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

async function serversUp(config: LaunchConfig, signal: AbortSignal): Promise<RunningStack> {
  const stack = await stackUp(config.stack, { report: screenReport.server, signal });
  await prepare(config, screenReport);
  return stack;
}

runLaunch(main);
