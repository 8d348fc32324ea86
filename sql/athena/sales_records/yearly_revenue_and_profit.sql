-- Revenue, profit and margin per year, from the quarterly table
SELECT
    order_year,
    sum(orders) AS orders,
    sum(revenue) AS revenue,
    sum(profit) AS profit,
    round(100 * sum(profit) / sum(revenue), 1) AS margin_percent
FROM {curated}.sales_by_region_quarter
GROUP BY order_year
ORDER BY order_year
