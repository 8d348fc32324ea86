-- Sales, profit and margin by category and region, all months
SELECT
    category,
    region,
    sum(units) AS units,
    CAST(round(sum(sales), 2) AS decimal(18, 2)) AS sales,
    CAST(round(sum(profit), 2) AS decimal(18, 2)) AS profit,
    CAST(round(100 * sum(profit) / nullif(sum(sales), 0), 1) AS decimal(9, 1)) AS margin_percent
FROM {curated}.superstore_sales_by_month
GROUP BY category, region
ORDER BY profit DESC, category, region
