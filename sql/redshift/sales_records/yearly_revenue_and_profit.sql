-- What are revenue, profit and margin per year?
SELECT
    order_year,
    SUM(orders) AS orders,
    SUM(revenue) AS revenue,
    SUM(profit) AS profit,
    ROUND(100 * SUM(profit) / NULLIF(SUM(revenue), 0), 1) AS margin_percent
FROM curated.sales_by_region_quarter
GROUP BY order_year
ORDER BY order_year;
