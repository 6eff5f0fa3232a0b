import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAYMENT_MOVES } from '#payment-api/payment/states';
import { projectFolder } from '#stack/project';
import { readSearch, readTrail } from './model.checker';
import { MUTANTS, SOUND, type ModelName } from './model.checks';
import { propertiesOf, stepsOf, textOfModel } from './model.text';

// The models in docs/model speak of the code by its own names. Here the two are held together: a function that is renamed,
// or a move of the table that is added, must be looked at in the model too.

const MODELS: readonly ModelName[] = ['payment', 'cancel', 'settlement'];

describe.each(MODELS)('the model %s', (model) => {
  const steps = stepsOf(model);

  it('has steps', () => {
    expect(steps.length).toBeGreaterThan(10);
  });

  it.each(steps.map((step) => [step.name, step] as const))(
    'has a step %s, and the code has a function of that name where the model says',
    (name, { file, functionName }) => {
      expect(functionName).toBe(name);
      const text = readFileSync(join(projectFolder(), file ?? 'nowhere'), 'utf8');
      expect(text).toMatch(new RegExp(`\\bfunction ${name}\\b`));
    },
  );

  it('When a check sets a switch, then the model knows it', () => {
    const text = `${textOfModel('protocol.inc')}${textOfModel(model)}`;
    const switches = new Set(
      [...text.matchAll(/#ifn?def (\w+)|defined\((\w+)\)/g)].map(([, one, other]) => one ?? other),
    );
    const used = [...SOUND, ...MUTANTS]
      .filter((check) => check.model === model)
      .flatMap(({ flags }) => flags.map((flag) => flag.split('=')[0]));
    expect(used.filter((name) => !switches.has(name))).toEqual([]);
    // No switch without a check: it would be a mutant that nobody looks for.
    expect([...switches].filter((name) => name !== 'LIVENESS' && !used.includes(name))).toEqual([]);
  });

  it('When a mutant is to break a property, then the model has it', () => {
    const named = MUTANTS.filter((check) => check.model === model).flatMap(({ expected }) =>
      expected === 'holds' ? [] : [expected.broken],
    );
    expect(propertiesOf(model)).toEqual(expect.arrayContaining(named));
  });
});

test('The model may move a payment where the code may, and nowhere else', () => {
  const modelled = [...textOfModel('protocol.inc').matchAll(/\(from == (\w+) && to == (\w+)\)/g)].map(
    ([, from, to]) => `${from} → ${to}`,
  );
  const coded = Object.entries(PAYMENT_MOVES).flatMap(([from, moves]) =>
    Object.keys(moves).map((to) => `${from} → ${to}`),
  );
  expect(modelled.toSorted()).toEqual(coded.toSorted());
});

describe('what the checker prints', () => {
  const ENDED = 'State-vector 92 byte, depth reached 401, errors: 0\n   154149 states, stored\n';

  it('When it has seen every state and found nothing, then all holds', () => {
    expect(readSearch(ENDED)).toEqual({ outcome: 'holds', states: 154_149, depth: 401 });
    expect(readSearch(ENDED.replace('154149', '1.5e+08')).states).toBe(150_000_000);
  });

  it.each([
    `error: max search depth too small\n${ENDED}`,
    `pan: reached -DMEMLIM bound\npan: out of memory\n${ENDED}`,
    `Warning: Search not completed\n${ENDED}`,
    'Depth=     807 States=  2.3e+07',
    '',
  ])('When it has not seen every state (%j), then nothing is proved', (output) => {
    expect(readSearch(output).outcome).toBe('unfinished');
  });

  it('When a property is broken, then its name and the way to it are known', () => {
    const output = `pan:1: assertion violated 0 (at depth 203)\nWarning: Search not completed\n${ENDED.replace('errors: 0', 'errors: 1')}`;
    expect(readSearch(output).outcome).toBe('broken');
    const replay = '  1:\tproc 0 (x) a.pml:1 (state 1)\t[x]\n  2 takes over\n\tBROKEN charged-at-most-once\n';
    expect(readTrail(output, replay)).toEqual({ broken: 'charged-at-most-once', trail: ['2 takes over'] });
    expect(readTrail('pan:1: invalid end state (at depth 3)', '').broken).toBe('no-deadlock');
    expect(readTrail('pan:1: acceptance cycle (at depth 3)', '').broken).toBe('ends-at-last');
  });
});
