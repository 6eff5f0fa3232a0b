import { RegistryUnavailableError, type SchemaIds } from '#contracts/codec';
import { findMovedIds, type PublishedSchema, type RegistryAccess } from '#contracts/registry';
import type { Logger } from '#kit/log';
import { readRecordSchemas } from '#contracts/records';
import type { Database, Reader } from './database';
import { inTransaction, isDuplicateKey } from './transaction';

/** The contracts of this build have no published id yet. */
export class ContractsNotPublishedError extends Error {
  override readonly name = 'ContractsNotPublishedError';
}

/** Everything `contracts publish` has recorded. */
export async function recordedSchemas(db: Reader): Promise<PublishedSchema[]> {
  return db.query<PublishedSchema>`
    SELECT record, version, schema_id AS schemaId, fingerprint FROM event_schemas ORDER BY record, version`;
}

/**
 * The schema ids under which this build writes: those of exactly its own `.avsc` files. The registry is not asked,
 * so a writer starts and runs without it.
 *
 * @throws ContractsNotPublishedError naming the records that are missing.
 */
export async function loadSchemaIds(db: Reader): Promise<SchemaIds> {
  const recorded = await recordedSchemas(db);
  const ids = new Map<string, number>();
  const missing: string[] = [];
  for (const { record, fingerprint } of readRecordSchemas()) {
    const found = recorded.find((entry) => entry.record === record && entry.fingerprint === fingerprint);
    if (found === undefined) missing.push(record);
    else ids.set(record, found.schemaId);
  }
  if (missing.length > 0) {
    throw new ContractsNotPublishedError(
      `not published: ${missing.join(', ')}. Run \`npm run contracts -- publish\` first.`,
    );
  }
  return ids;
}

/**
 * Records published schemas. A version that was recorded before under another id is an error: rows and topics carry
 * the old id.
 *
 * @throws Error naming the record and both ids.
 */
export async function recordSchemas(db: Database, published: readonly PublishedSchema[]): Promise<void> {
  try {
    await recordMissing(db, published);
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    // Another publisher was faster: what it has recorded is there to compare with now.
    await recordMissing(db, published);
  }
}

async function recordMissing(db: Database, published: readonly PublishedSchema[]): Promise<void> {
  await inTransaction(db, async (tx) => {
    const recorded = await recordedSchemas(tx);
    for (const { record, version, schemaId, fingerprint } of published) {
      const before = recorded.find((entry) => entry.record === record && entry.fingerprint === fingerprint);
      if (before === undefined) {
        await tx.execute`
          INSERT INTO event_schemas (record, version, schema_id, fingerprint)
          VALUES (${record}, ${version}, ${schemaId}, ${fingerprint})`;
      } else if (before.schemaId !== schemaId) {
        throw new Error(
          `${record} was published as schema ${before.schemaId}, but this registry calls it ${schemaId}. Events that ` +
            'are stored or in flight carry the old id: restore the registry from its backup.',
        );
      }
    }
  });
}

/**
 * For consumers, at their start: stored rows and topics carry schema ids, and a registry that means other schemas by
 * them would make events unreadable, or readable as something else. A registry that does not answer is no reason to
 * stay down; the consumer waits for it.
 *
 * @throws Error naming every id that has moved
 */
export async function refuseMovedIds(
  db: Reader,
  registry: RegistryAccess,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  let moved: string[];
  try {
    moved = await findMovedIds(registry, await recordedSchemas(db));
  } catch (error) {
    if (!(error instanceof RegistryUnavailableError)) throw error;
    log.warn({ err: error }, 'schema ids not checked: the registry does not answer');
    return;
  }
  if (moved.length > 0)
    throw new Error(`the registry is not the one that was published to: ${moved.join('; ')}`);
}
