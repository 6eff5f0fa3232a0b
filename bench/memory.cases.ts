import { caseRun, type BenchCase } from './case';
import { now } from './purchases.cases';
import type { Role } from './processes';

/** A container of so many MB holds the process with its code, heap and buffers. */
const MEMORY_MAX_MB = 160;
const MB_PER_MIB = 1.048576;

const memoryCase = (role: Role, title: string): BenchCase => ({
  name: `memory-${role}`,
  title: `Resident memory of the ${title}`,
  measured: `the ${title} at the end of the load of 64 clients`,
  rival: `${MEMORY_MAX_MB} MB`,
  unit: 'MB',
  bar: { kind: 'at-most', ratio: 1 },
  needs: [now],
  async run(context) {
    const { memoryMiB } = await context.take(now);
    return caseRun((memoryMiB[role] ?? Number.NaN) * MB_PER_MIB, MEMORY_MAX_MB);
  },
});

export const MEMORY_CASES: readonly BenchCase[] = [
  memoryCase('api', 'payment API'),
  memoryCase('wallet', 'wallet consumer'),
  memoryCase('worker', 'payment worker'),
];
