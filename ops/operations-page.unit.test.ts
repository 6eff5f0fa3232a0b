import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PARK_CAUSES } from '#prisma/dead-letters.rules';
import { AUDIT_CHECKS } from './audit.checks';
import { LEDGER_CHECKS } from './audit.ledger';
import { TOPIC_CHECKS } from './audit.topics';

const page = readFileSync(join(__dirname, '..', 'docs', 'operations.md'), 'utf8');

/** The names in the first column of the table whose first heading is `heading`. */
function namesUnder(heading: string): string[] {
  const lines = page.split('\n');
  const rows = lines.slice(lines.findIndex((line) => new RegExp(`^\\| ${heading} +\\|`).test(line)) + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([\w-]+)`/g)].map(([, name]) => name ?? ''))
    .toSorted();
}

test('Every check of the audit stands in the page for operators, and no other', () => {
  const checks = [
    ...AUDIT_CHECKS.map(({ name }) => name),
    ...[...Object.values(LEDGER_CHECKS), ...Object.values(TOPIC_CHECKS)].map(([name]) => name),
  ];
  expect(namesUnder('check')).toEqual(checks.toSorted());
});

test('Every cause of a dead letter stands there, and no other', () => {
  expect(namesUnder('cause')).toEqual([...PARK_CAUSES].toSorted());
});
