import type { Database } from './database';

export interface RecordedStatement {
  sql: string;
  values: unknown[];
}

/** Notes every statement that goes to the database, by way of a transaction, a single read or a model. */
export function recordStatements(db: Database): RecordedStatement[] {
  const recorded: RecordedStatement[] = [];
  const note = (text: string | { sql: string }, values: unknown): void => {
    let left = Array.isArray(values) ? (values as unknown[]) : [];
    // A packet's statements share one list of values.
    for (const sql of (typeof text === 'string' ? text : text.sql).split(';\n')) {
      const count = sql.split('?').length - 1;
      recorded.push({ sql, values: left.slice(0, count) });
      left = left.slice(count);
    }
  };
  const pool = db.reads.get();
  const readOnce = pool.query.bind(pool);
  pool.query = ((text: string, values: unknown) => {
    note(text, values);
    return readOnce(text, values);
  }) as typeof pool.query;
  const run = db.transactions.run.bind(db.transactions);
  db.transactions.run = (work, turn) =>
    run((connection) => {
      const recording = new Proxy(connection, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]): unknown => {
            if (name === 'query') note(args[0] as string, args[1]);
            return Reflect.apply(value, target, args);
          };
        },
      });
      return work(recording);
    }, turn);
  return recorded;
}
