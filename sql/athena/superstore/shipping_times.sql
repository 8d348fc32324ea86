-- Days from order to dispatch by year and ship mode: average over the shipments, fastest and slowest
SELECT
    year(month_start) AS order_year,
    ship_mode,
    sum(shipments) AS shipments,
    CAST(CAST(sum(days) AS decimal(18, 4)) / sum(shipments) AS decimal(9, 4)) AS average_days,
    min(least_days) AS least_days,
    max(most_days) AS most_days
FROM {curated}.superstore_shipping_by_month
GROUP BY year(month_start), ship_mode
ORDER BY order_year, average_days
