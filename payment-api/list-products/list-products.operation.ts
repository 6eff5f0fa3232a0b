import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { wonView } from '../payment/parameters';

export const listProductsOperation = operation({
  id: 'listProducts',
  method: 'get',
  path: '/api/products',
  tag: 'shop',
  summary: 'What is sold',
  access: 'public',
  input: {},
  answer: {
    http: 200,
    description: 'Products, by number.',
    data: z.object({
      productList: z.array(
        z.object({
          productNo: z.int(),
          productId: z.string(),
          name: z.string(),
          price: wonView,
          sellerNo: z.int(),
        }),
      ),
    }),
  },
  refusals: [],
});
