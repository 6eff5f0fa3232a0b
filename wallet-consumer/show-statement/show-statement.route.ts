import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import type { Request, RequestHandler, Response, Router } from 'express';
import { encodeCursor } from '#kit/cursor';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import type { Database } from '#prisma/database';
import { sellerNoOf } from '../seller-no';
import { lineView, wonNumber } from '../wallet.view';
import { allStatementLines, findStatement, statementLines, type Statement } from './show-statement';
import { downloadStatementOperation, showStatementOperation } from './show-statement.operation';
import { closingRow, CSV_COLUMNS, lineRow, openingRow, type CsvRow } from './statement-csv.rules';

/**
 * `GET /api/wallets/{sellerNo}/statement?from&to&limit&cursor`: the period's opening and closing balance and its lines,
 * oldest first. With `Accept: text/csv` the whole period as CSV.
 *
 * @throws Refusal PEC0013 without such a seller, or before its first credit; PEC0008
 */
export function showStatementRoute(db: Database, admin: RequestHandler): Router {
  return endpoint(showStatementOperation, { admin }, async ({ params, query }, req, res) => {
    const { from, to, limit, cursor = 0n } = query;
    const statement = await findStatement(db, sellerNoOf(params.sellerNo), { from, to });
    res.vary('Accept');
    if (req.accepts(['json', 'csv']) === 'csv') return sendCsv(db, statement, req, res);
    const { fromSeq, untilSeq } = statement;
    const lines = await statementLines(db, statement, { afterSeq: cursor, countMax: limit + 1 });
    const shown = lines.slice(0, limit);
    const last = shown.at(-1);
    answer(res, {
      sellerNo: Number(statement.sellerNo),
      walletNo: Number(statement.walletNo),
      from: statement.period.from?.toISOString() ?? null,
      to: statement.period.to?.toISOString() ?? null,
      openingBalance: wonNumber(statement.openingBalance),
      closingBalance: wonNumber(statement.closingBalance),
      lineCount: Number(untilSeq - fromSeq),
      walletTransactionList: shown.map(lineView),
      nextCursor: lines.length > limit && last !== undefined ? encodeCursor(last.walletSeq) : null,
    });
  });
}

/** `GET /api/wallets/{sellerNo}/statement.csv?from&to`: the whole period, streamed. Refusals as above. */
export function downloadStatementRoute(db: Database, admin: RequestHandler): Router {
  return endpoint(downloadStatementOperation, { admin }, async ({ params, query }, req, res) =>
    sendCsv(db, await findStatement(db, sellerNoOf(params.sellerNo), query), req, res),
  );
}

const STALLED_MS = 60_000;

async function* rowsOf(db: Database, statement: Statement): AsyncGenerator<CsvRow> {
  yield openingRow(statement);
  for await (const line of allStatementLines(db, statement)) yield lineRow(line);
  yield closingRow(statement);
}

async function sendCsv(db: Database, statement: Statement, req: Request, res: Response): Promise<void> {
  res.status(200).set({
    'Content-Type': 'text/csv; charset=utf-8; header=present',
    'Content-Disposition': `attachment; filename="statement-${statement.sellerNo}.csv"`,
    'Cache-Control': 'no-store',
  });
  if (req.method === 'HEAD') return void res.end();
  // Whoever asks for a download and does not read it keeps neither the connection nor the rows.
  res.setTimeout(STALLED_MS, () => res.destroy());
  const csv = stringify({ header: true, columns: [...CSV_COLUMNS], record_delimiter: 'windows' });
  try {
    await pipeline(Readable.from(rowsOf(db, statement)), csv, res);
  } catch (error) {
    // The client has left: nobody is there to be told. Anything else cuts the answer off, so that it is not taken for whole.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    req.log.info('statement was not read to its end');
  }
}
