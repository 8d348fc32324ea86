-- One row per calendar month and customer. An order has one day, so orders can be added up over months.
SELECT
    CAST(date_trunc('month', order_date) AS date) AS month_start,
    customer_id,
    CAST(count(DISTINCT order_id) AS bigint) AS orders,
    CAST(count(*) AS bigint) AS order_lines,
    CAST(sum(quantity) AS bigint) AS units,
    CAST(sum(sales) AS decimal(18, 4)) AS sales,
    CAST(sum(profit) AS decimal(18, 4)) AS profit,
    CAST(min(order_date) AS date) AS first_order_date,
    CAST(max(order_date) AS date) AS last_order_date
FROM superstore
GROUP BY ALL
