import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCLI } from 'jest';
import pc from 'picocolors';
import { StackError, StackInterrupted } from '#stack/errors';
import { projectFolder } from '#stack/project';
import { freePorts } from '#stack/ports';
import type { RunningStack } from '#stack/running';
import { stackReset, stackUp } from '#stack/stack';
import { readLaunchConfig, type LaunchConfig } from './config';
import { onInterruption } from './interruption';
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

/** Variables that would send the tests to somebody's servers, or to other settings than the ones they are written for. */
const CLEARED = [
  'PAYMENT_DATABASE_URL',
  'WALLET_DATABASE_URL',
  'OPS_DATABASE_URL',
  'MIGRATOR_DATABASE_URL',
  'KAFKA_BROKERS',
  'SCHEMA_REGISTRY_URL',
  'CONNECT_URL',
  'PSP_BASE_URL',
  'TOSS_SECRET_KEY',
  'TOSS_CLIENT_KEY',
  'ADMIN_API_KEYS',
  'NODE_ENV',
];

/** Points every setting at free ports and a folder of this run: a running stack is never touched. */
async function testEnvironment(): Promise<NodeJS.ProcessEnv> {
  const ports = await freePorts(8);
  const [mysql, kafka, registry, connect, api, wallet, worker, simulator] = ports.map(String);
  const cleared = Object.fromEntries(CLEARED.map((name) => [name, undefined]));
  return {
    ...cleared,
    STACK_DIR: join(projectFolder(), '.stack-test', String(process.pid)),
    MYSQL_PORT: mysql,
    KAFKA_PORT: kafka,
    REGISTRY_PORT: registry,
    CONNECT_PORT: connect,
    PAYMENT_API_PORT: api,
    WALLET_PORT: wallet,
    WORKER_PORT: worker,
    PSP_SIMULATOR_PORT: simulator,
    TEST_MYSQL_ROOT_URL: `mysql://root:1234@127.0.0.1:${mysql}/mysql`,
    LOG_LEVEL: 'info',
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

async function main(): Promise<number> {
  const patterns = process.argv.slice(2);
  const interruption = onInterruption(print);
  const variables = await testEnvironment();
  Object.assign(process.env, variables);
  for (const [name, value] of Object.entries(variables)) if (value === undefined) delete process.env[name];
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

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const isExpected = error instanceof StackError || error instanceof StackInterrupted;
    process.stderr.write(`${pc.red(isExpected ? error.message : String((error as Error).stack ?? error))}\n`);
    process.exit(1);
  },
);
