-- One row per region, country and calendar quarter. Spark and DuckDB must agree, so every computed type is cast.
SELECT
    region,
    country,
    CAST(year(order_date) AS int) AS order_year,
    CAST(quarter(order_date) AS int) AS order_quarter,
    CAST(date_trunc('quarter', order_date) AS date) AS quarter_start,
    CAST(count(*) AS bigint) AS orders,
    CAST(sum(units_sold) AS bigint) AS units,
    CAST(sum(total_revenue) AS decimal(18, 2)) AS revenue,
    CAST(sum(total_cost) AS decimal(18, 2)) AS cost,
    CAST(sum(total_profit) AS decimal(18, 2)) AS profit
FROM sales_records
GROUP BY ALL
