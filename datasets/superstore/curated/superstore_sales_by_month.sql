-- One row per month, region, category and product group. Spark and DuckDB must agree, so every computed type is cast.
SELECT
    CAST(date_trunc('month', order_date) AS date) AS month_start,
    region,
    category,
    sub_category,
    CAST(count(*) AS bigint) AS order_lines,
    CAST(sum(quantity) AS bigint) AS units,
    CAST(sum(sales) AS decimal(18, 4)) AS sales,
    CAST(sum(profit) AS decimal(18, 4)) AS profit
FROM superstore
GROUP BY ALL
