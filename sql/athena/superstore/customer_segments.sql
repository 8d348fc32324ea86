-- Segments of customers by recency, frequency and monetary value: how many, and what they are worth
SELECT
    rfm_segment,
    count(*) AS customers,
    CAST(avg(CAST(recency_days AS decimal(9, 1))) AS decimal(9, 1)) AS average_recency_days,
    sum(orders) AS orders,
    CAST(round(sum(sales), 2) AS decimal(18, 2)) AS sales,
    CAST(round(sum(lifetime_value), 2) AS decimal(18, 2)) AS lifetime_value
FROM {curated}.superstore_customer_value
GROUP BY rfm_segment
ORDER BY lifetime_value DESC, rfm_segment
