-- One row per month and method of payment.
SELECT
    CAST(date_trunc('month', paid_at) AS date) AS month_start,
    payment_method AS method,
    CAST(count(*) AS bigint) AS attempts,
    CAST(sum(CASE WHEN status = 'PAID' THEN 1 ELSE 0 END) AS bigint) AS succeeded,
    CAST(sum(amount) AS decimal(18, 2)) AS amount,
    CAST(sum(CASE WHEN status = 'PAID' THEN amount ELSE 0 END) AS decimal(18, 2)) AS amount_succeeded
FROM payments
GROUP BY ALL
