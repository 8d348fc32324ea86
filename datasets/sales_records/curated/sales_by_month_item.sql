-- One row per calendar month and item type. Spark and DuckDB must agree, so every computed type is cast.
SELECT
    CAST(date_trunc('month', order_date) AS date) AS month_start,
    item_type,
    CAST(count(*) AS bigint) AS orders,
    CAST(sum(units_sold) AS bigint) AS units,
    CAST(sum(total_revenue) AS decimal(18, 2)) AS revenue,
    CAST(sum(total_cost) AS decimal(18, 2)) AS cost,
    CAST(sum(total_profit) AS decimal(18, 2)) AS profit
FROM sales_records
GROUP BY ALL
