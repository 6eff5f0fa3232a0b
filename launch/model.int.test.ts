import { describeWith, findTool } from '#kit/optional-tool.fixture';
import { checkModel } from './model.checker';
import { MUTANTS, SOUND } from './model.checks';

// The short form of `npm run model`: the smaller sound models, and one mutant of each kind.

const tools = [
  findTool(['spin'], 'install spin (apt-get install spin)'),
  findTool(['gcc'], 'install gcc (apt-get install gcc)'),
];
const tool = tools.find(({ path }) => path === undefined) ??
  tools[0] ?? { path: undefined, install: 'install spin' };

describeWith(tool, 'the protocol as a model', () => {
  it.each(SOUND.filter(({ isShort }) => isShort).map((check) => [check.model, check.title, check] as const))(
    '%s, %s: whatever the order of steps, every property holds',
    async (_model, _title, check) => {
      expect(await checkModel(check)).toMatchObject({ outcome: 'holds', broken: null });
    },
  );

  it.each(
    MUTANTS.filter(({ isShort }) => isShort).map((check) => [check.model, check.title, check] as const),
  )('%s, when %s, then that is found', async (_model, _title, check) => {
    const { outcome, broken, trail } = await checkModel(check);
    expect({ outcome, expected: { broken } }).toEqual({ outcome: 'broken', expected: check.expected });
    expect(trail.length).toBeGreaterThan(2);
  });
});
