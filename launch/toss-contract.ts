import { join } from 'node:path';
import { runCLI } from 'jest';
import { ConfigError } from '#kit/config';
import { contractTarget } from '#psp-simulator/toss-contract.config';
import { projectFolder } from '#stack/project';
import { print } from './screen';

const USAGE = `TOSS_SECRET_KEY is not set. This asks Toss's test environment the questions that \`npm test\` asks the simulator:
  TOSS_SECRET_KEY=test_sk_… npm run toss-contract
With a payment that a shopper has just authenticated in a browser, its whole life too:
  TOSS_CONTRACT_PAYMENT_KEY=… TOSS_CONTRACT_ORDER_ID=… TOSS_CONTRACT_AMOUNT=…`;
/** Nothing was asked. */
const MISUSE = 2;

/** The contract suite against Toss's test environment. It needs no servers of ours. */
async function main(): Promise<number> {
  const target = contractTarget();
  if (target.kind === 'simulator') {
    process.stderr.write(`${USAGE}\n`);
    return MISUSE;
  }
  const life = target.payment === undefined ? ', without the life of a payment' : '';
  print(`asking ${target.baseUrl}${life}`);
  const root = projectFolder();
  const { results } = await runCLI(
    {
      $0: 'jest',
      _: [],
      config: join(root, 'jest.config.cjs'),
      testMatch: ['**/psp-simulator/toss-contract.int.test.ts'],
      runInBand: true,
    },
    [root],
  );
  return results.success && results.numPassedTests > 0 ? 0 : 1;
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const { message, stack } = error as Error;
    process.stderr.write(`${error instanceof ConfigError ? message : (stack ?? message)}\n`);
    process.exit(error instanceof ConfigError ? MISUSE : 1);
  },
);
