import { readOptions, UsageError } from './arguments';

const options = { full: { type: 'boolean', default: false } } as const;
const read = (...args: string[]) => readOptions({ args, options }, 'npm run x [-- --full]');

test('When the options are known, then they are read', () => {
  expect(read('--full').values).toEqual({ full: true });
});

test.each(['--help', '-h'])('When it is asked by %s, then the usage is the answer', (asked) => {
  expect(() => read('--full', asked)).toThrow(new UsageError('npm run x [-- --full]', true));
  expect(() => read('--full', asked)).toThrow(expect.objectContaining({ isAsked: true }));
});

test('When an option is unknown, then it is named in a sentence, before the usage', () => {
  expect(() => read('--ful')).toThrow(/^Unknown option '--ful'\.\nnpm run x \[-- --full\]$/);
  expect(() => read('--ful')).toThrow(expect.objectContaining({ isAsked: false }));
});
