-- Which ten countries sold the most in the newest year, and what share of all was that?
WITH newest AS (
    SELECT country, SUM(orders) AS orders, SUM(revenue) AS revenue, SUM(profit) AS profit
    FROM curated.sales_by_region_quarter
    WHERE order_year = (SELECT MAX(order_year) FROM curated.sales_by_region_quarter)
    GROUP BY country
)
SELECT
    country,
    orders,
    revenue,
    profit,
    ROUND(100 * revenue / NULLIF(SUM(revenue) OVER (), 0), 1) AS share_percent
FROM newest
ORDER BY revenue DESC, country
LIMIT 10;
