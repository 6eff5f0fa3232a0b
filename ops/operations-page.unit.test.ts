import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_CHECKS } from './audit.checks';
import { LEDGER_CHECKS } from './audit.ledger';
import { TOPIC_CHECKS } from './audit.topics';

test('Every check of the audit stands in the page for operators, and no other', () => {
  const page = readFileSync(join(__dirname, '..', 'docs', 'operations.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const told = rows.flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([\w-]+)`/g)]);
  const checks = [
    ...AUDIT_CHECKS.map(({ name }) => name),
    ...[...Object.values(LEDGER_CHECKS), ...Object.values(TOPIC_CHECKS)].map(([name]) => name),
  ];
  expect(told.map(([, name]) => name).toSorted()).toEqual(checks.toSorted());
});
