import { Type } from 'avsc';
import { createDecoder, UndecodableError, type Decode, type WriterSchemas } from '#contracts/codec';
import { avroOptions } from '#contracts/logical-types';
import { readRecordSchemas } from '#contracts/records';
import type { Reader } from '#prisma/database';
import { recordedSchemas } from '#prisma/event-schemas';

/**
 * Reads events out of the database: the schema ids that were published are recorded there, and today's schemas stand in
 * this build. Only what an earlier version wrote needs the registry.
 *
 * @param registry asked for the schemas of earlier versions; without it their events are undecodable
 */
export async function databaseDecoder(db: Reader, registry?: WriterSchemas): Promise<Decode> {
  const local = new Map(readRecordSchemas().map((schema) => [schema.fingerprint, schema]));
  const types = new Map<number, Type>();
  for (const { schemaId, fingerprint } of await recordedSchemas(db)) {
    const schema = local.get(fingerprint);
    if (schema !== undefined)
      types.set(schemaId, Type.forSchema(structuredClone(schema.schema) as never, avroOptions()));
  }
  return createDecoder({
    async get(schemaId) {
      const type = types.get(schemaId);
      if (type !== undefined) return type;
      if (registry === undefined) throw new UndecodableError(`schema id ${schemaId} is none of this build’s`);
      return registry.get(schemaId);
    },
  });
}
