import type { Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonFromText, wonToNumber } from '#kit/money';
import type { Database } from '#prisma/database';
import { listProductsOperation } from './list-products.operation';

/** More than the shop's page could show; a real catalogue would page. */
const PRODUCTS_MAX = 1000;

/** `GET /api/products` */
export function listProductsRoute({ db }: { db: Database }): Router {
  return endpoint(listProductsOperation, {}, async (_input, _req, res) => {
    const products = await db.product.findMany({ orderBy: { no: 'asc' }, take: PRODUCTS_MAX });
    answer(res, {
      productList: products.map(({ no, productId, name, price, sellerNo }) => ({
        productNo: Number(no),
        productId,
        name,
        price: wonToNumber(wonFromText(price.toFixed(2))),
        sellerNo: Number(sellerNo),
      })),
    });
  });
}
