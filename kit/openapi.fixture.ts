import Ajv, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import fc from 'fast-check';

// Requests made from an OpenAPI document, well-formed and not, and its verdict on requests and answers.

/** Any JSON: schemas and documents are looked into without ceremony. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

const STRING_MAX = 40;
const ITEMS_MAX = 6;

/** Values that a schema of ours allows. Covers what `z.toJSONSchema` writes for our inputs. */
export function allowedBy(schema: Json): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(allowedBy));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  switch (schema.type) {
    case 'string': {
      if (schema.pattern === undefined || schema.maxLength !== undefined)
        return fc.string({
          unit: 'grapheme',
          maxLength: Math.min(schema.maxLength ?? STRING_MAX, STRING_MAX),
        });
      return fc.stringMatching(new RegExp(schema.pattern));
    }
    case 'integer':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? 1, max: 10 }),
        fc.integer({ min: schema.minimum ?? 1, max: schema.maximum ?? Number.MAX_SAFE_INTEGER }),
      );
    case 'array':
      return fc.array(allowedBy(schema.items), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? ITEMS_MAX, ITEMS_MAX),
      });
    case 'object': {
      const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => [
        name,
        allowedBy(property),
      ]);
      return fc.record(Object.fromEntries(properties), { requiredKeys: schema.required ?? [] });
    }
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue();
  }
}

/** Where in a JSON value something can be put in another's place. */
function placesOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, key]))];
}

function replaced(value: Json, path: readonly (string | number)[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (rest.length === 0 && by === undefined) delete copy[key];
  else copy[key] = replaced(value[key], rest, by);
  return copy;
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    null,
    '',
    ' ',
    0,
    -1,
    1.5,
    1e15,
    1e308,
    '0',
    '1.5',
    '1e3',
    '６０００',
    true,
    [],
    {},
    '\u0000',
  ),
);

/** What a schema allows, or the same with something else in one place, something missing, or something more. */
export function nearly(schema: Json): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 3, arbitrary: allowedBy(schema) },
    {
      weight: 3,
      arbitrary: allowedBy(schema).chain((value) =>
        fc
          .tuple(fc.constantFrom(...placesOf(value)), fc.oneof(odd, fc.constant(undefined)))
          .map(([path, by]) => replaced(value, path, by)),
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(allowedBy(schema), fc.string(), odd)
        .map(([value, key, by]) => (typeof value === 'object' ? { ...value, [key]: by } : by)),
    },
  );
}

/** Judges values by the schemas of one document; compiled once. */
export function judgeOf(): (schema: object, value: unknown) => string | undefined {
  const ajv = addFormats(new Ajv({ strict: false, allErrors: false }));
  const compiled = new Map<object, ValidateFunction>();
  return (schema, value) => {
    let validate = compiled.get(schema);
    if (validate === undefined) compiled.set(schema, (validate = ajv.compile(schema)));
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
}
