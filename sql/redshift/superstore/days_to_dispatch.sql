-- How many days does each ship mode take, and is it getting better from year to year?
SELECT
    ship_mode,
    EXTRACT(YEAR FROM month_start) AS order_year,
    SUM(shipments) AS shipments,
    ROUND(1.0 * SUM(days) / NULLIF(SUM(shipments), 0), 2) AS average_days,
    MAX(most_days) AS most_days
FROM curated.superstore_shipping_by_month
GROUP BY ship_mode, EXTRACT(YEAR FROM month_start)
ORDER BY ship_mode, order_year;
