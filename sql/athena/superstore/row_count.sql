-- Rows and money in the processed table, from the exact decimals and rounded to cents at the end
SELECT
    count(*) AS order_lines,
    sum(sales) AS sales,
    CAST(round(sum(sales), 2) AS decimal(18, 2)) AS sales_in_cents,
    sum(profit) AS profit
FROM {processed}.superstore
