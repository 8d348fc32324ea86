-- One row per calendar month and ship mode; the lines of an order that left together count once. Days are the day part
-- of an interval, since Spark and DuckDB share no other way to count the days between two dates. The average
-- is rounded in whole numbers, half up (days are never negative), since the two round a quotient of decimals differently.
SELECT
    CAST(date_trunc('month', order_date) AS date) AS month_start,
    ship_mode,
    CAST(count(*) AS bigint) AS shipments,
    CAST(sum(days) AS bigint) AS days,
    CAST(
        CAST(
            (sum(days) * 20000 + count(*) - (sum(days) * 20000 + count(*)) % (2 * count(*)))
            / (2 * count(*)) AS bigint
        ) * 0.0001 AS decimal(9, 4)
    ) AS average_days,
    CAST(min(days) AS int) AS least_days,
    CAST(max(days) AS int) AS most_days,
    CAST(sum(sales) AS decimal(18, 4)) AS sales,
    CAST(sum(profit) AS decimal(18, 4)) AS profit
FROM (
    SELECT
        order_id,
        order_date,
        ship_mode,
        extract(DAY FROM (CAST(ship_date AS timestamp) - CAST(order_date AS timestamp))) AS days,
        sum(sales) AS sales,
        sum(profit) AS profit
    FROM superstore
    GROUP BY order_id, order_date, ship_date, ship_mode
) AS shipped
GROUP BY ALL
