-- Regions by profit in the newest quarter
SELECT
    region,
    sum(orders) AS orders,
    sum(revenue) AS revenue,
    sum(profit) AS profit
FROM {curated}.sales_by_region_quarter_latest
GROUP BY region
ORDER BY profit DESC
