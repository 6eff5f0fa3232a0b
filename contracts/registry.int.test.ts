import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDecoder, RegistryUnavailableError, UndecodableError } from './codec';
import { fingerprintOf, readRecordSchemas, type RecordSchema } from './records';
import {
  checkCompatibility,
  COMPATIBILITY,
  findMovedIds,
  listSchemas,
  openWriterSchemas,
  publishSchema,
  RegistryRefusal,
} from './registry';
import { registryOfTheRun } from './testing.config';

// Against the registry that the test run has brought up. Subjects that are added here have names of their own.

const access = { url: registryOfTheRun() };
type Field = { name: string; type: unknown; default?: unknown };
const ORDER_ID: Field = { name: 'orderId', type: 'string' };
const AMOUNT: Field = {
  name: 'amount',
  type: { type: 'bytes', logicalType: 'decimal', precision: 15, scale: 2 },
};

/** A contract of the test's own. */
function contract(name: string, fields: Field[]): RecordSchema {
  const schema = { type: 'record', name, namespace: 'test', fields } as unknown as RecordSchema['schema'];
  const text = JSON.stringify(schema);
  return { record: `test.${name}`, schema, text, fingerprint: fingerprintOf(text) };
}
const newName = (): string => `T${randomUUID().replaceAll('-', '')}`;

async function get(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${access.url}${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function fakeRegistry(
  answer: () => { status: number; body: string },
): Promise<{ url: string; server: Server }> {
  const server = createServer((_req, res) => {
    const { status, body } = answer();
    res.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('publishSchema', () => {
  it('When a subject is new, then its level stands before its first version, and nothing may contradict it', async () => {
    const name = newName();
    const first = await publishSchema(access, contract(name, [ORDER_ID]));
    expect(first).toMatchObject({ record: `test.${name}`, version: 1, schemaId: expect.any(Number) });
    expect((await get(`/config/test.${name}`)).body['compatibilityLevel']).toBe('FULL_TRANSITIVE');
    expect(COMPATIBILITY).toBe('FULL_TRANSITIVE');
    const incompatible = publishSchema(access, contract(name, [ORDER_ID, AMOUNT]));
    await expect(incompatible).rejects.toThrow(RegistryRefusal);
    await expect(incompatible).rejects.toMatchObject({ status: 409 });
    expect((await get(`/subjects/test.${name}/versions`)).body).toEqual([1]);
  });

  it('When only the level could be set, then the subject is still guarded: it is set first', async () => {
    const asked: string[] = [];
    const server = createServer((req, res) => {
      asked.push(`${req.method} ${req.url}`);
      res.writeHead(500).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(publishSchema({ url }, contract('A', [ORDER_ID]))).rejects.toThrow(RegistryRefusal);
    server.close();
    expect(asked).toEqual(['PUT /config/test.A']);
  });

  it('When the same is published again, then there is no new version and the id is the same', async () => {
    const schema = contract(newName(), [ORDER_ID]);
    const first = await publishSchema(access, schema);
    expect(await publishSchema(access, schema)).toEqual(first);
    expect((await get(`/subjects/${schema.record}/versions`)).body).toEqual([1]);
  });

  it('When a field with a default comes or goes, then that is a version', async () => {
    const name = newName();
    const channel = { name: 'channel', type: 'string', default: 'web' };
    await publishSchema(access, contract(name, [ORDER_ID, channel]));
    expect(await publishSchema(access, contract(name, [ORDER_ID]))).toMatchObject({ version: 2 });
    // Version 3 would fit version 2, not version 1: transitive means that all of them count.
    const third = contract(name, [ORDER_ID, { ...channel, type: 'long', default: 0 }]);
    await expect(publishSchema(access, third)).rejects.toMatchObject({ status: 409 });
  });

  it('When all contracts of the build were published, then the list has them under their fingerprints', async () => {
    const schemas = readRecordSchemas();
    for (const schema of schemas) await publishSchema(access, schema);
    const listed = await listSchemas(access);
    for (const { record, fingerprint } of schemas) {
      expect(listed).toContainEqual({
        record,
        version: expect.any(Number),
        schemaId: expect.any(Number),
        fingerprint,
      });
    }
  });
});

describe('checkCompatibility', () => {
  it('When there is no such subject, then it is new, and stays so: nothing was published', async () => {
    const schema = contract(newName(), [ORDER_ID]);
    expect(await checkCompatibility(access, schema)).toEqual({ verdict: 'new', messages: [] });
    expect(await checkCompatibility(access, schema)).toMatchObject({ verdict: 'new' });
    expect((await get(`/subjects/${schema.record}/versions`)).status).toBe(404);
  });

  it('When a registry calls anything compatible with a subject it does not have, then it is new', async () => {
    const server = createServer((req, res) => {
      res.end(req.url === '/subjects' ? '["another"]' : '{"is_compatible":true}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const checked = await checkCompatibility({ url }, contract('A', [ORDER_ID]));
    server.close();
    expect(checked).toEqual({ verdict: 'new', messages: [] });
  });

  it('When it fits all versions, then it is compatible; otherwise not', async () => {
    const name = newName();
    await publishSchema(access, contract(name, [ORDER_ID]));
    const check = (...fields: Field[]) => checkCompatibility(access, contract(name, fields));
    expect(await check(ORDER_ID)).toMatchObject({ verdict: 'compatible' });
    expect(await check(ORDER_ID, { name: 'a', type: 'long', default: 0 })).toMatchObject({
      verdict: 'compatible',
    });
    expect(await check(ORDER_ID, AMOUNT)).toMatchObject({ verdict: 'incompatible' });
    expect(await check({ ...ORDER_ID, type: 'long' })).toMatchObject({ verdict: 'incompatible' });
  });

  it('When this build is checked, then every contract is accepted', async () => {
    for (const schema of readRecordSchemas()) {
      expect((await checkCompatibility(access, schema)).verdict).not.toBe('incompatible');
    }
  });
});

describe('openWriterSchemas', () => {
  it('When an id is known, then its schema reads what was written under it', async () => {
    const [schema] = readRecordSchemas();
    const { schemaId } = await publishSchema(access, schema as RecordSchema);
    const type = await openWriterSchemas(access).get(schemaId);
    expect(type.name).toBe(schema?.record);
  });

  it('When the registry itself does not know the id, then what carries it is undecodable', async () => {
    const writers = openWriterSchemas(access);
    await expect(writers.get(2_000_000_000)).rejects.toThrow(UndecodableError);
    const frame = Buffer.from('007735940001', 'hex');
    await expect(createDecoder(writers)(frame)).rejects.toThrow('does not know schema id 2000000000');
  });

  it('When a proxy does not know the way, then that is not the registry’s word, whatever the id is', async () => {
    const { url, server } = await fakeRegistry(() => ({ status: 404, body: '<html>404 not found</html>' }));
    const writers = openWriterSchemas({ url });
    for (const id of [1, 40_403, 140_403]) {
      await expect(writers.get(id)).rejects.toThrow(RegistryUnavailableError);
    }
    server.close();
  });

  it('When nothing listens there, then the registry is unavailable and the event may be fine', async () => {
    const { url, server } = await fakeRegistry(() => ({ status: 200, body: '{}' }));
    await new Promise((resolve) => server.close(resolve));
    await expect(openWriterSchemas({ url }).get(1)).rejects.toThrow(RegistryUnavailableError);
    await expect(listSchemas({ url })).rejects.toThrow(RegistryUnavailableError);
  });

  it.each([500, 502, 503, 401, 429])(
    'When it answers %i, then it is unavailable; once it answers well, the same client goes on',
    async (status) => {
      const schema = JSON.stringify({ type: 'record', name: 'A', namespace: 'x', fields: [] });
      let current = { status, body: JSON.stringify({ error_code: status, message: 'x' }) };
      const { url, server } = await fakeRegistry(() => current);
      const writers = openWriterSchemas({ url });
      await expect(writers.get(1)).rejects.toThrow(RegistryUnavailableError);
      current = { status: 200, body: JSON.stringify({ schema }) };
      expect((await writers.get(1)).name).toBe('x.A');
      server.close();
    },
  );

  it('When it takes the request and says nothing, then it is given up, and asked again the next time', async () => {
    const schema = JSON.stringify({ type: 'record', name: 'A', namespace: 'x', fields: [] });
    const asked: string[] = [];
    let isSilent = true;
    const server = createServer((req, res) => {
      asked.push(String(req.url));
      if (!isSilent) res.end(JSON.stringify({ schema }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const writers = openWriterSchemas({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    await expect(Promise.all([writers.get(1), writers.get(1)])).rejects.toThrow(RegistryUnavailableError);
    isSilent = false;
    expect((await writers.get(1)).name).toBe('x.A');
    const untilKnown = asked.length;
    expect((await writers.get(1)).name).toBe('x.A');
    expect(asked).toHaveLength(untilKnown);
    server.closeAllConnections();
    server.close();
  });

  it.each([
    ['nothing but null', 500, 'null'],
    ['no JSON', 500, '<html>'],
    ['a page', 200, '<html>'],
    ['no schema', 200, 'null'],
  ])('When it answers with %s, then it is unavailable', async (_what, status, body) => {
    const { url, server } = await fakeRegistry(() => ({ status, body }));
    await expect(openWriterSchemas({ url }).get(1)).rejects.toThrow(RegistryUnavailableError);
    server.close();
  });

  it('When it is asked for a schema, then once, and what would follow does not count', async () => {
    const schema = JSON.stringify({ type: 'record', name: 'A', namespace: 'x', fields: [] });
    let answers = 0;
    const { url, server } = await fakeRegistry(() => {
      answers += 1;
      return { status: 200, body: answers === 1 ? JSON.stringify({ schema }) : '{"schema":"<html>"}' };
    });
    const writers = openWriterSchemas({ url });
    const types = await Promise.all([writers.get(1), writers.get(1)]);
    server.close();
    expect(types.map(({ name }) => name)).toEqual(['x.A', 'x.A']);
    expect(answers).toBe(1);
  });

  it('When its answer ends in the middle, then it is unavailable; once it answers well, the same client goes on', async () => {
    const body = JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'A', fields: [] }) });
    let isWhole = false;
    const server = createServer((_req, res) => {
      res.writeHead(200, { 'content-length': body.length });
      if (isWhole) res.end(body);
      else res.write(body.slice(0, 10), () => res.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const writers = openWriterSchemas({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    await expect(writers.get(1)).rejects.toThrow(RegistryUnavailableError);
    isWhole = true;
    expect((await writers.get(1)).name).toBe('A');
    server.closeAllConnections();
    server.close();
  });

  it.each([['JSON'], ['PROTOBUF'], ['OTHER']])(
    'When the id is of a schema of type %s, then it is undecodable',
    async (schemaType) => {
      const { url, server } = await fakeRegistry(() => ({
        status: 200,
        body: JSON.stringify({ schema: '{"type":"object"}', schemaType }),
      }));
      const decode = createDecoder(openWriterSchemas({ url }));
      await expect(decode(Buffer.from('000000000101', 'hex'))).rejects.toThrow(UndecodableError);
      server.close();
    },
  );

  it('When the schema is none that can be read as money, then it is undecodable', async () => {
    const name = newName();
    const thousandths = {
      ...AMOUNT,
      type: { type: 'bytes', logicalType: 'decimal', precision: 15, scale: 3 },
    };
    const { schemaId } = await publishSchema(access, contract(name, [thousandths]));
    await expect(openWriterSchemas(access).get(schemaId)).rejects.toThrow(UndecodableError);
  });

  it('When credentials are given, then every request carries them', async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((req, res) => {
      seen.push(req.headers.authorization);
      res.end(
        JSON.stringify(req.url === '/subjects' ? [] : { schema: '{"type":"record","name":"A","fields":[]}' }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const secured = { url, username: 'user', password: 'pass:word' };
    await listSchemas(secured);
    await openWriterSchemas(secured).get(1);
    server.close();
    const expected = `Basic ${Buffer.from('user:pass:word').toString('base64')}`;
    expect(seen).toEqual([expected, expected]);
  });
});

describe('findMovedIds', () => {
  it('When every id still means its schema, then there is nothing to say', async () => {
    const published = await publishSchema(access, contract(newName(), [ORDER_ID]));
    expect(await findMovedIds(access, [published])).toEqual([]);
  });

  it('When the registry was rebuilt with other ids, then each moved or lost id is told', async () => {
    const [a, b] = [contract(newName(), [ORDER_ID]), contract(newName(), [AMOUNT])];
    const [first, second] = [await publishSchema(access, a), await publishSchema(access, b)];
    const swapped = [
      { ...first, schemaId: second.schemaId },
      { ...second, schemaId: 2_000_000_000 },
    ];
    expect(await findMovedIds(access, swapped)).toEqual([
      `schema id ${second.schemaId} was ${a.record} version 1, but is another schema now`,
      `schema id 2000000000 was ${b.record} version 1, but the registry does not know it`,
    ]);
  });

  it('When the registry is down, then that is no verdict', async () => {
    const { url, server } = await fakeRegistry(() => ({ status: 200, body: '{}' }));
    await new Promise((resolve) => server.close(resolve));
    const recorded = [{ record: 'a', version: 1, schemaId: 1, fingerprint: '' }];
    await expect(findMovedIds({ url }, recorded)).rejects.toThrow(RegistryUnavailableError);
  });
});
