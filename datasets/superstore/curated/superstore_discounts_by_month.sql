-- One row per calendar month, category and band of discount.
SELECT
    CAST(date_trunc('month', order_date) AS date) AS month_start,
    category,
    CAST(
        CASE
            WHEN discount = 0 THEN 'none'
            WHEN discount <= 0.20 THEN 'to 20 %'
            WHEN discount <= 0.40 THEN 'to 40 %'
            ELSE 'above 40 %'
        END AS string
    ) AS discount_band,
    CAST(count(*) AS bigint) AS order_lines,
    CAST(sum(CASE WHEN profit < 0 THEN 1 ELSE 0 END) AS bigint) AS loss_lines,
    CAST(sum(quantity) AS bigint) AS units,
    CAST(sum(sales) AS decimal(18, 4)) AS sales,
    CAST(sum(profit) AS decimal(18, 4)) AS profit
FROM superstore
GROUP BY ALL
