import { z } from 'zod';
import { cursorParameter, limitParameter } from '#kit/cursor';
import { operation } from '#kit/endpoint';
import { sellerParams } from '../seller-no';
import { balanceView, lineShape, nextCursor } from '../wallet.schemas';
import { periodParameters } from './statement-period.rules';

export const showStatementOperation = operation({
  id: 'showStatement',
  method: 'get',
  path: '/api/wallets/{sellerNo}/statement',
  tag: 'statements',
  summary: "A period's opening and closing balance and its lines, oldest first",
  description: 'With `Accept: text/csv` the whole period as CSV.',
  access: 'admin',
  input: {
    params: sellerParams,
    query: z.strictObject({ ...periodParameters, limit: limitParameter, cursor: cursorParameter }),
  },
  answer: {
    http: 200,
    description: 'A page of the statement.',
    csv: 'also',
    data: z.object({
      sellerNo: z.int(),
      walletNo: z.int(),
      from: z.iso.datetime().nullable(),
      to: z.iso.datetime().nullable(),
      openingBalance: balanceView,
      closingBalance: balanceView,
      lineCount: z.int().min(0),
      walletTransactionList: z.array(lineShape),
      nextCursor,
    }),
  },
  refusals: ['PEC0013'],
});

export const downloadStatementOperation = operation({
  id: 'downloadStatement',
  method: 'get',
  path: '/api/wallets/{sellerNo}/statement.csv',
  tag: 'statements',
  summary: 'The whole period as CSV',
  access: 'admin',
  input: { params: sellerParams, query: z.strictObject(periodParameters) },
  answer: { http: 200, description: 'RFC 4180, UTF-8, with a header.', csv: 'only', data: z.null() },
  refusals: ['PEC0013'],
});
