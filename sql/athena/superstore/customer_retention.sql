-- Retention: of the customers who first ordered in a month, the share with an order so many months later
SELECT
    cohort_month,
    cohort_customers,
    months_since_first,
    customers,
    CAST(round(100.0 * customers / cohort_customers, 1) AS decimal(4, 1)) AS percent,
    CAST(round(sales, 2) AS decimal(18, 2)) AS sales
FROM {curated}.superstore_cohorts
WHERE months_since_first > 0
ORDER BY cohort_month, months_since_first
