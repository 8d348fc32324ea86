-- One row per cohort (month of an account's first order), month with an order of it, and kind of account.
WITH first_orders AS (
    SELECT
        user_id,
        CAST(date_trunc('month', min(order_date)) AS date) AS cohort_month
    FROM orders
    GROUP BY user_id
)
SELECT
    first_orders.cohort_month,
    CAST(date_trunc('month', orders.order_date) AS date) AS month_start,
    CAST(coalesce(users.role, '(unknown)') AS string) AS account,
    CAST(count(DISTINCT orders.user_id) AS bigint) AS customers,
    CAST(count(*) AS bigint) AS orders,
    CAST(sum(orders.total_amount) AS decimal(18, 2)) AS ordered
FROM orders
INNER JOIN first_orders ON orders.user_id = first_orders.user_id
LEFT JOIN users ON orders.user_id = users.id
GROUP BY ALL
