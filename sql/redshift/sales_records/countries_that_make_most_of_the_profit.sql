-- How few countries make four fifths of the profit?
WITH countries AS (
    SELECT country, SUM(profit) AS profit
    FROM curated.sales_by_region_quarter
    GROUP BY country
),
running AS (
    SELECT
        country,
        profit,
        SUM(profit) OVER (ORDER BY profit DESC, country ROWS UNBOUNDED PRECEDING) AS profit_so_far,
        SUM(profit) OVER () AS profit_of_all
    FROM countries
)
SELECT
    country,
    profit,
    ROUND(100 * profit_so_far / NULLIF(profit_of_all, 0), 1) AS percent_so_far
FROM running
WHERE profit_so_far - profit < 0.8 * profit_of_all
ORDER BY profit DESC, country;
