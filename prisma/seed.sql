-- Demo data: the original's seller, wallet and products, and two sellers more so that one order pays several.
-- Rows that are there already stay as they are.

INSERT INTO sellers (no, seller_id) VALUES (1, 'A'), (2, 'B'), (3, 'C') ON DUPLICATE KEY UPDATE no = sellers.no;

INSERT INTO products (no, seller_no, product_id, name, price)
VALUES (1, 1, 'A', '상품A', 1000),
       (2, 1, 'B', '상품B', 2000),
       (3, 1, 'C', '상품C', 3000),
       (4, 2, 'D', '상품D', 1500),
       (5, 2, 'E', '상품E', 2500),
       (6, 3, 'F', '상품F', 500)
ON DUPLICATE KEY UPDATE no = products.no;

-- Seller 3 has no wallet: the first credit creates it.
INSERT INTO wallets (no, seller_no) VALUES (1, 1), (2, 2) ON DUPLICATE KEY UPDATE no = wallets.no;
