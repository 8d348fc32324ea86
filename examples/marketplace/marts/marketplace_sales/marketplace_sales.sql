-- One row per month, product and kind of account. What has not come yet, or was never sent, is counted as unknown: a
-- line that is left out would be missing in the sum.
SELECT
    CAST(coalesce(date_trunc('month', orders.order_date), DATE '1970-01-01') AS date) AS month_start,
    CAST(coalesce(products.name, '(unknown)') AS string) AS product,
    CAST(coalesce(users.role, '(unknown)') AS string) AS account,
    CAST(count(DISTINCT order_items.order_id) AS bigint) AS orders,
    CAST(count(*) AS bigint) AS order_lines,
    CAST(sum(order_items.quantity) AS bigint) AS units,
    CAST(sum(order_items.total_price) AS decimal(18, 2)) AS sales
FROM order_items
LEFT JOIN orders ON order_items.order_id = orders.id
LEFT JOIN users ON orders.user_id = users.id
LEFT JOIN products ON order_items.product_id = products.id
GROUP BY ALL
