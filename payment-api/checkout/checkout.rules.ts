import { sumWon, type Won } from '#kit/money';

export interface Product {
  no: bigint;
  sellerNo: bigint;
  name: string;
  price: Won;
}

/** Toss's limit on an order's name. */
const ORDER_NAME_CHARACTERS_MAX = 100;

/** The first product's name, and how many others: "상품A 그외 2건". */
export function orderNameOf(products: readonly Product[]): string {
  const [first, ...others] = products;
  if (first === undefined) throw new Error('an order without products');
  const suffix = others.length === 0 ? '' : ` 그외 ${others.length}건`;
  return `${first.name.slice(0, ORDER_NAME_CHARACTERS_MAX - suffix.length)}${suffix}`;
}

export function totalOf(products: readonly Product[]): Won {
  return sumWon(products.map((product) => product.price));
}
